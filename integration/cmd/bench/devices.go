package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"

	"github.com/regrant/regrant/integration/claimant"
	"github.com/regrant/regrant/integration/load"
	"github.com/regrant/regrant/internal/wire"
)

// busy is how many connections prepare what is measured later.
const busy = 32

// device is an enrolled device of an account of its own: a newer recovery of an account ends the older one.
type device struct {
	*claimant.Claimant
	account string

	begun wire.InitiateResponse
	token string // of the recovery
}

// enrol makes n devices, through the operator's API and the protocol.
func enrol(ctx context.Context, c *caddy, n int) ([]*device, error) {
	var codes load.Recorder
	for i := range n {
		body, _ := json.Marshal(map[string]string{"account": account(i), "subject": fmt.Sprint("subject-", i), "as": "Benchmark"}) // strings only
		if err := post(ctx, &codes, "http://"+c.Admin+"/regrant/activation-codes", body); err != nil {
			return nil, err
		}
	}
	made, err := load.Run(ctx, load.Plan{Address: c.Admin, Requests: codes.Requests, Workers: busy, Keep: true})
	if err != nil {
		return nil, fmt.Errorf("making activation codes: %w", err)
	}
	devices := make([]*device, n)
	var certificates load.Recorder
	for i, answer := range made.Bodies {
		key := claimant.NewKey()
		devices[i] = &device{Claimant: &claimant.Claimant{Issuer: issuer, Holder: key, Device: key}, account: account(i)}
		var code struct {
			Code string `json:"code"`
		}
		if err := json.Unmarshal(answer, &code); err != nil {
			return nil, err
		}
		if err := requestCertificate(ctx, &certificates, devices[i], code.Code); err != nil {
			return nil, err
		}
	}
	enrolled, err := load.Run(ctx, load.Plan{Address: c.address(), Requests: certificates.Requests, Workers: busy, Keep: true})
	if err != nil {
		return nil, fmt.Errorf("enrolling devices: %w", err)
	}
	for i, answer := range enrolled.Bodies {
		var out wire.EnrollResponse
		if err := json.Unmarshal(answer, &out); err != nil {
			return nil, err
		}
		devices[i].Chain = out.CertificateChain
	}
	return devices, nil
}

func account(i int) string { return fmt.Sprintf("person-%d@example.com", i) }

func requestCertificate(ctx context.Context, to *load.Recorder, d *device, code string) error {
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, d.Device)
	if err != nil {
		return err
	}
	body, err := json.Marshal(wire.EnrollRequest{
		ActivationCode: code, CSR: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr})),
	})
	if err != nil {
		return err
	}
	return post(ctx, to, issuer+"/devices/enroll", body)
}

func post(ctx context.Context, to *load.Recorder, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := to.Client().Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// initiates makes a request of each device that begins a recovery.
func initiates(ctx context.Context, devices []*device) ([][]byte, error) {
	return record(devices, func(d *device) error {
		_, _, err := d.Initiate(ctx, d.account)
		return err
	})
}

// begun reads the answers.
func begun(devices []*device, answers [][]byte) error {
	for i, answer := range answers {
		if err := json.Unmarshal(answer, &devices[i].begun); err != nil {
			return err
		}
	}
	return nil
}

// attests makes a request of each device that proves who asks.
func attests(ctx context.Context, devices []*device) ([][]byte, error) {
	return record(devices, func(d *device) error {
		_, _, err := d.Attest(ctx, d.begun.RecoveryID, d.Proof(d.begun.Statement))
		return err
	})
}

// granted reads the answers.
func granted(devices []*device, answers [][]byte) error {
	for i, answer := range answers {
		var out wire.AttestResponse
		if err := json.Unmarshal(answer, &out); err != nil {
			return err
		}
		devices[i].token = out.RecoveryToken
	}
	return nil
}

// redemptions makes a request of each device that exchanges its recovery token.
func redemptions(ctx context.Context, devices []*device) ([][]byte, error) {
	return record(devices, func(d *device) error {
		_, _, err := d.Exchange(ctx, d.token)
		return err
	})
}

// record keeps what each device says instead of sending it.
func record(devices []*device, say func(*device) error) ([][]byte, error) {
	var kept load.Recorder
	client := kept.Client()
	for _, d := range devices {
		d.Client = client
		if err := say(d); err != nil {
			return nil, err
		}
	}
	return kept.Requests, nil
}
