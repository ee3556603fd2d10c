package tpm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"unicode/utf16"

	goattest "github.com/google/go-attestation/attest"
)

// secureBootPCR is where firmware measures the policy of Secure Boot.
const secureBootPCR = 7

// secureBoot tells whether the machine booted with Secure Boot on, or nil where PCR 7 does not show it. Types of events are not
// measured, so a log may lie about them; the library refuses what cannot be told apart by the measured data alone. It does not look at
// whose variable it is, takes any value for off, and a log without the variable too: that is judged here.
func (r *replayed) secureBoot() *bool {
	var events []goattest.Event
	var value *bool
	separated := false
	for _, e := range r.events {
		if e.index != secureBootPCR {
			continue
		}
		events = append(events, r.library(e))
		on := bytes.Equal(e.data, secureBootVariable(1))
		switch {
		case e.kind == variableConfig && !separated && (on || bytes.Equal(e.data, secureBootVariable(0))):
			value = &on
		case e.kind == separator:
			separated = true // from here on, others than the firmware measure
		}
	}
	if value == nil || !separated {
		return nil
	}
	state, err := goattest.ParseSecurebootState(events)
	if err != nil || state.Enabled != *value {
		return nil
	}
	return value
}

// library is e as the library reads it. It knows two hashes; to show it what of the data was measured, any will do. Old versions of
// shim write one octet more than they measure, which it knows.
func (r *replayed) library(e event) goattest.Event {
	out := goattest.Event{Index: e.index, Type: goattest.EventType(e.kind), Data: e.data, Digest: e.digest}
	for _, measured := range [][]byte{e.data, e.data[:max(0, len(e.data)-1)]} {
		if bytes.Equal(r.bank.sum(measured), e.digest) {
			sum := sha256.Sum256(measured)
			out.Digest = sum[:]
			return out
		}
	}
	return out
}

// globalVariable is EFI_GLOBAL_VARIABLE, 8be4df61-93ca-11d2-aa0d-00e098032b8c, as it is in memory.
var globalVariable = []byte{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}

// secureBootVariable is the UEFI_VARIABLE_DATA of the variable SecureBoot with that value (section 10.2.6).
func secureBootVariable(value byte) []byte {
	name := utf16.Encode([]rune("SecureBoot"))
	data := bytes.Clone(globalVariable)
	data = binary.LittleEndian.AppendUint64(data, uint64(len(name)))
	data = binary.LittleEndian.AppendUint64(data, 1)
	for _, c := range name {
		data = binary.LittleEndian.AppendUint16(data, c)
	}
	return append(data, value)
}
