package tpmtest

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"unicode/utf16"
)

// Log is an event log with digests of SHA-256, and the PCRs that it leads to.
type Log struct {
	Bytes []byte
	PCRs  map[int][]byte
}

// Event types of the PC Client Platform Firmware Profile.
const (
	NoAction     = 3
	Separator    = 4
	CRTMVersion  = 8
	IPL          = 13
	DriverConfig = 0x80000001
	Authority    = 0x800000e0
)

// NewLog begins a log.
func NewLog() *Log {
	l := &Log{PCRs: make(map[int][]byte)}
	l.header()
	return l
}

// header writes the event of TPM 1.2 that says which hashes follow.
func (l *Log) header() {
	data := []byte("Spec ID Event03\x00")
	data = append(data, 0, 0, 0, 0, 0, 2, 0, 2)
	data = binary.LittleEndian.AppendUint32(data, 1)
	data = binary.LittleEndian.AppendUint16(data, 0x000b)
	data = binary.LittleEndian.AppendUint16(data, 32)
	data = append(data, 0)
	l.number(0)
	l.number(NoAction)
	l.Bytes = append(l.Bytes, make([]byte, 20)...)
	l.number(len(data))
	l.Bytes = append(l.Bytes, data...)
}

func (l *Log) number(n int) { l.Bytes = binary.LittleEndian.AppendUint32(l.Bytes, uint32(n)) } //nolint:gosec // tests write small ones

// Add measures data into a PCR.
func (l *Log) Add(pcr, kind int, data []byte) {
	sum := crypto.SHA256.New()
	sum.Write(data)
	l.AddDigest(pcr, kind, data, sum.Sum(nil))
}

// AddDigest measures a digest into a PCR, and writes data beside it.
func (l *Log) AddDigest(pcr, kind int, data, digest []byte) {
	l.number(pcr)
	l.number(kind)
	l.number(1)
	l.Bytes = binary.LittleEndian.AppendUint16(l.Bytes, 0x000b)
	l.Bytes = append(l.Bytes, digest...)
	l.number(len(data))
	l.Bytes = append(l.Bytes, data...)
	if kind == NoAction {
		return
	}
	if l.PCRs[pcr] == nil {
		l.PCRs[pcr] = make([]byte, 32)
	}
	sum := crypto.SHA256.New()
	sum.Write(l.PCRs[pcr])
	sum.Write(digest)
	l.PCRs[pcr] = sum.Sum(nil)
}

// Variable is the data of an event about a variable of EFI_GLOBAL_VARIABLE.
func Variable(name string, value []byte) []byte {
	return VariableOf([]byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}, name, value)
}

// VariableOf is the data of an event about a variable of that vendor.
func VariableOf(vendor []byte, name string, value []byte) []byte {
	letters := utf16.Encode([]rune(name))
	data := bytes.Clone(vendor)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(letters)))
	data = binary.LittleEndian.AppendUint64(data, uint64(len(value)))
	for _, c := range letters {
		data = binary.LittleEndian.AppendUint16(data, c)
	}
	return append(data, value...)
}

// Boot is a log of a machine without Secure Boot: firmware in PCR 0, its policy in PCR 7, a loader in PCR 8.
func Boot() *Log {
	l := NewLog()
	l.Add(0, CRTMVersion, []byte("1.0\x00"))
	l.Add(0, Separator, make([]byte, 4))
	l.Add(7, DriverConfig, Variable("SecureBoot", []byte{0}))
	l.Add(7, Separator, make([]byte, 4))
	l.Add(8, IPL, []byte("kernel"))
	return l
}
