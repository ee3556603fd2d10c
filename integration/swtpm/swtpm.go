// Package swtpm runs TPMs in software, each with a certificate of a maker of their own. The programs come with the packages swtpm and
// swtpm-tools.
package swtpm

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/regrant/regrant/integration/child"
)

// ErrMissing says which program is not installed.
var ErrMissing = errors.New("a program is not installed")

// Programs finds what is run here, besides others that a caller needs.
func Programs(others ...string) error {
	for _, name := range append([]string{"swtpm", "swtpm_setup", "swtpm_localca", "swtpm_ioctl"}, others...) {
		if _, err := exec.LookPath(name); err != nil {
			return fmt.Errorf("%w: %s", ErrMissing, name)
		}
	}
	return nil
}

// TPM is a chip. It keeps its state in a folder of its own, and counts its starts.
type TPM struct {
	// Socket is the path under which it takes commands, from one client at a time.
	Socket string

	// Maker are root and issuing certificate of the maker, in this order.
	Maker []*x509.Certificate

	dir     string // everything of it; short, since paths of sockets are
	process *child.Child
}

// Make makes a chip with a maker of its own, and starts it.
func Make(ctx context.Context) (_ *TPM, err error) {
	if err := Programs(); err != nil {
		return nil, err
	}
	t := new(TPM)
	if t.dir, err = os.MkdirTemp("", "tpm-"); err != nil {
		return nil, err
	}
	t.Socket = filepath.Join(t.dir, "sock")
	defer func() {
		if err != nil {
			t.Remove()
		}
	}()
	if err = t.manufacture(ctx); err != nil {
		return nil, err
	}
	for _, file := range []string{"swtpm-localca-rootca-cert.pem", "issuercert.pem"} {
		c, err := readCertificate(filepath.Join(t.dir, "ca", file))
		if err != nil {
			return nil, err
		}
		t.Maker = append(t.Maker, c)
	}
	return t, t.Start(ctx)
}

// The configuration of swtpm's own authority, and of the program that makes chips with it.
const (
	authority = `statedir = %[1]s/ca
signingkey = %[1]s/ca/signkey.pem
issuercert = %[1]s/ca/issuercert.pem
certserial = %[1]s/ca/certserial
`
	setup = `create_certs_tool = %[2]s
create_certs_tool_config = %[1]s/ca.conf
create_certs_tool_options = %[1]s/ca.options
active_pcr_banks = sha256
`
	model = `--tpm-manufacturer id:00001014
--tpm-model swtpm
`
)

func (t *TPM) manufacture(ctx context.Context) error {
	tool, err := exec.LookPath("swtpm_localca")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{
		"ca.conf": fmt.Sprintf(authority, t.dir), "setup.conf": fmt.Sprintf(setup, t.dir, tool), "ca.options": model,
	} {
		if err := os.WriteFile(filepath.Join(t.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	for _, name := range []string{"ca", "state"} {
		if err := os.Mkdir(filepath.Join(t.dir, name), 0o700); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "swtpm_setup", "--tpm2", //nolint:gosec // the folder is ours
		"--tpm-state", "dir://"+filepath.Join(t.dir, "state"),
		"--config", filepath.Join(t.dir, "setup.conf"), "--create-ek-cert", "--pcr-banks", "sha256", "--overwrite", "--lock-nvram")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making a TPM: %v\n%s", err, out)
	}
	return nil
}

func readCertificate(file string) (*x509.Certificate, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", filepath.Base(file))
	}
	return x509.ParseCertificate(block.Bytes)
}

// Start starts the chip, as the power of a machine does.
func (t *TPM) Start(ctx context.Context) (err error) {
	cmd := exec.Command("swtpm", "socket", "--tpm2", //nolint:gosec // the folder is ours
		"--tpmstate", "dir="+filepath.Join(t.dir, "state"),
		"--server", "type=unixio,path="+t.Socket, "--ctrl", "type=unixio,path="+t.Socket+".ctrl", "--flags", "not-need-init,startup-clear")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if t.process, err = child.Start(cmd, syscall.SIGTERM); err != nil {
		return err
	}
	return t.process.Await(ctx, 10*time.Second, "swtpm", func() bool {
		_, control := os.Stat(t.Socket + ".ctrl")
		return control == nil && t.answers(getRandom) // a socket is there before anybody listens at it
	})
}

// Stop ends it in good order. A chip that is cut off takes that for an attempt to guess, and locks itself after a few.
func (t *TPM) Stop() {
	if t.process == nil {
		return
	}
	t.answers(shutdown)                                                      // what can go wrong shows at the next start
	orderly := exec.Command("swtpm_ioctl", "--unix", t.Socket+".ctrl", "-s") //nolint:gosec // the folder is ours
	if orderly.Run() == nil {
		select {
		case <-t.process.Done():
		case <-time.After(5 * time.Second):
		}
	}
	t.process.Stop()
	t.process = nil
}

// Commands of TPM 2.0 Part 3: TPM2_GetRandom of eight bytes (section 16.1), and what a system says to the chip before it goes down,
// TPM2_Shutdown (section 9.4).
var (
	getRandom = []byte{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7b, 0, 8}
	shutdown  = []byte{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x45, 0, 0}
)

// answers reports whether the chip answers a command, whatever it says.
func (t *TPM) answers(command []byte) bool {
	conn, err := net.Dial("unix", t.Socket)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err = conn.Write(command); err == nil {
		_, err = io.ReadFull(conn, make([]byte, 10)) // the header
	}
	return err == nil
}

// Restart is what switching the machine off and on does to it: its PCRs begin anew.
func (t *TPM) Restart(ctx context.Context) error {
	t.Stop()
	return t.Start(ctx)
}

// Remove stops the chip and forgets it.
func (t *TPM) Remove() {
	t.Stop()
	_ = os.RemoveAll(t.dir)
}
