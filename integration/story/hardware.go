package story

import (
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// vectors are requests for `regrant appraise`, made in software as the hardware of such a device makes its evidence.
//
//go:embed vectors/*.json
var vectors embed.FS

// question is a request for `regrant appraise`, as far as the story changes it.
type question struct {
	Format    string          `json:"format"`
	Time      string          `json:"time"`
	Challenge string          `json:"challenge"`
	Evidence  chain           `json:"evidence"`
	Trust     json.RawMessage `json:"trust"`
}

type chain struct {
	Certificates []string `json:"certificates"`
}

// verdict is an answer.
type verdict struct {
	Verdict string          `json:"verdict"`
	Reason  string          `json:"reason"`
	Claims  json.RawMessage `json:"claims"`
}

// Hardware puts evidence of a phone and of a Mac before the verifier: as it is, and with one byte of it changed.
func (s *Story) Hardware(ctx context.Context) error {
	s.title("What a phone and a Mac say of their keys (vectors)")
	for _, format := range []string{"android-key", "apple-device"} {
		text, err := vectors.ReadFile("vectors/" + format + ".json")
		if err != nil {
			return err
		}
		var good question
		if err := json.Unmarshal(text, &good); err != nil {
			return err
		}
		if err := s.appraise(ctx, good); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
	}
	return nil
}

func (s *Story) appraise(ctx context.Context, good question) error {
	certificate, err := good.otherCertificate()
	if err != nil {
		return err
	}
	challenge, err := good.otherChallenge()
	if err != nil {
		return err
	}
	answers, err := s.ask(ctx, good, certificate, challenge)
	if err != nil {
		return err
	}
	if err := s.saw(answers[0].Verdict == "accept", "%s is accepted (regrant appraise), and says of the key:", good.Format); err != nil {
		return fmt.Errorf("%w %+v", err, answers[0])
	}
	s.show(string(answers[0].Claims))
	for i, what := range []string{"with one byte of its certificate changed", "for a challenge with one byte changed"} {
		a := answers[i+1]
		if err := s.saw(a.Verdict == "refuse", "%s: refused (%s)", what, a.Reason); err != nil {
			return err
		}
	}
	return nil
}

// ask has `regrant appraise` answer, line by line.
func (s *Story) ask(ctx context.Context, questions ...question) (answers []verdict, err error) {
	var in strings.Builder
	for _, q := range questions {
		if err := json.NewEncoder(&in).Encode(q); err != nil {
			return nil, err
		}
	}
	out, err := s.command(ctx, []byte(in.String()), "regrant", "appraise", "--lines")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		var a verdict
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, err
		}
		answers = append(answers, a)
	}
	if len(answers) != len(questions) {
		return nil, fmt.Errorf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers, nil
}

// otherCertificate is q with the last byte of the key's own certificate changed, which is one of its signature.
func (q question) otherCertificate() (question, error) {
	block, _ := pem.Decode([]byte(q.Evidence.Certificates[0]))
	if block == nil {
		return q, errors.New("no certificate")
	}
	block.Bytes[len(block.Bytes)-1] ^= 1
	changed := append([]string{string(pem.EncodeToMemory(block))}, q.Evidence.Certificates[1:]...)
	q.Evidence.Certificates = changed
	return q, nil
}

func (q question) otherChallenge() (question, error) {
	challenge, err := base64.RawURLEncoding.DecodeString(q.Challenge)
	if err != nil {
		return q, err
	}
	challenge[0] ^= 1
	q.Challenge = base64.RawURLEncoding.EncodeToString(challenge)
	return q, nil
}
