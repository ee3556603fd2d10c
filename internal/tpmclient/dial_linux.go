package tpmclient

import (
	"io"

	"github.com/google/go-tpm/legacy/tpm2"
)

// channel is a way to a TPM. Its log is read beside it.
type channel struct{ io.ReadWriteCloser }

// MeasurementLog is not asked for.
func (channel) MeasurementLog() ([]byte, error) { return nil, nil }

func dial(path string) (channel, error) {
	c, err := tpm2.OpenTPM(path)
	return channel{c}, err
}
