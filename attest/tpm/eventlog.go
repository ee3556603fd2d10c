package tpm

import (
	"bytes"
	"encoding/binary"
	"slices"

	goattest "github.com/google/go-attestation/attest"

	"github.com/regrant/regrant/attest"
)

const (
	maxLog    = 1 << 20 // bytes; those of Windows machines have a few hundred thousand
	maxHashes = 8       // that a log may carry beside one another
)

// Event types of the PC Client Platform Firmware Profile (section 10.4.1).
const (
	noAction       = 3          // EV_NO_ACTION: it informs who reads the log, and nothing was measured
	separator      = 4          // EV_SEPARATOR
	variableConfig = 0x80000001 // EV_EFI_VARIABLE_DRIVER_CONFIG
	partitionTable = 0x80000006 // EV_EFI_GPT_EVENT
	efiAction      = 0x80000007 // EV_EFI_ACTION
)

// eventLog is a well-formed log of what firmware and loaders measured. Nothing in it is verified until it replays.
type eventLog struct{ parsed *goattest.EventLog }

// parseLog reads a log in the format of TPM 2.0 with its header event, or in that of TPM 1.2.
func parseLog(data []byte) (*eventLog, error) {
	if len(data) > maxLog {
		return nil, attest.Refuse(attest.ReasonMalformed, "event log is too large")
	}
	if err := checkHeader(data); err != nil {
		return nil, err
	}
	parsed, err := goattest.ParseEventLog(data)
	if err != nil {
		return nil, attest.Refuse(attest.ReasonMalformed, "event log is not built as it must be")
	}
	for _, hash := range parsed.Algs {
		if err := checkEvents(parsed.Events(hash)); err != nil {
			return nil, err
		}
	}
	return &eventLog{parsed}, nil
}

// checkEvents looks at what the library leaves open. Zeros behind a log, for example, are to it events without a digest.
func checkEvents(events []goattest.Event) error {
	for _, e := range events {
		switch {
		case len(e.Digest) == 0:
			return attest.Refuse(attest.ReasonMalformed, "event without a digest of each hash")
		case e.Type != noAction && (e.Index < 0 || e.Index >= registerCount): // informing events may have no PCR
			return attest.Refuse(attest.ReasonMalformed, "event of a PCR that there is not")
		}
	}
	return nil
}

// Layout of the header event (section 10.4.5.1): an event of TPM 1.2 with this structure as data.
const (
	headerData      = 4 + 4 + 20 + 4
	headerHashCount = headerData + 16 + 4 + 4
	headerHashes    = headerHashCount + 4
)

var headerSignature = []byte("Spec ID Event03\x00")

// checkHeader bounds what the library does not: it searches the list of hashes for every digest in the log, and takes the
// sender's word for how long each hash is. Of one listed twice it reads one and measures with the other.
func checkHeader(log []byte) error {
	if len(log) < headerHashes || !bytes.Equal(log[headerData:headerData+len(headerSignature)], headerSignature) {
		return nil
	}
	malformed := attest.Refuse(attest.ReasonMalformed, "header of the event log is not built as it must be")
	n := binary.LittleEndian.Uint32(log[headerHashCount:])
	if n == 0 || n > maxHashes || len(log) < headerHashes+4*int(n) {
		return malformed
	}
	seen := make(map[uint16]bool)
	for i := range int(n) {
		entry := log[headerHashes+4*i:]
		id, size := binary.LittleEndian.Uint16(entry), binary.LittleEndian.Uint16(entry[2:])
		known := slices.IndexFunc(banks, func(b Bank) bool { return uint16(b.algorithm) == id })
		if seen[id] || known >= 0 && int(size) != banks[known].hash.Size() {
			return malformed
		}
		seen[id] = true
	}
	return nil
}

// event is one measurement that a PCR accounts for. Its type is the log's own word: it was not measured.
type event struct {
	index  int
	kind   uint32
	data   []byte
	digest []byte
}

// replayed is the part of a log that PCRs of one bank account for.
type replayed struct {
	bank   Bank
	events []event
}

// replay computes each PCR from the log, and refuses if one of those that the log has events for has another value. The library's own
// replay is content with one bank of several, and adds events that it believes the firmware forgot.
func (l *eventLog) replay(b Bank, pcrs Registers) (*replayed, error) {
	out := &replayed{bank: b}
	now := make(Registers, len(pcrs))
	for _, e := range l.parsed.Events(b.inLog) {
		if _, asked := pcrs[e.Index]; !asked {
			continue
		}
		if e.Type == noAction {
			if locality, ok := startupLocality(e); ok && now[e.Index] == nil {
				now[e.Index] = b.reset(e.Index)
				now[e.Index][b.hash.Size()-1] = locality
			}
			continue
		}
		if len(e.Digest) != b.hash.Size() {
			return nil, attest.Refuse(attest.ReasonIntegrity, "event log has no digest of bank %s for PCR %d", b, e.Index)
		}
		if measuresItself(uint32(e.Type)) && !bytes.Equal(b.sum(e.Data), e.Digest) {
			return nil, attest.Refuse(attest.ReasonIntegrity, "event log says otherwise than what was measured into PCR %d", e.Index)
		}
		if now[e.Index] == nil {
			now[e.Index] = b.reset(e.Index)
		}
		now[e.Index] = b.sum(now[e.Index], e.Digest) // TPM2_PCR_Extend, TPM 2.0 Part 1 section 17.3
		out.events = append(out.events, event{e.Index, uint32(e.Type), e.Data, e.Digest})
	}
	for i := range now {
		if !bytes.Equal(now[i], pcrs[i]) {
			return nil, attest.Refuse(attest.ReasonIntegrity, "event log does not replay to PCR %d", i)
		}
	}
	return out, nil
}

// measuresItself tells whether events of a type have as digest the hash of their data (section 10.4.1). Most others measure something
// that is too large for a log.
func measuresItself(kind uint32) bool {
	switch kind {
	case separator, variableConfig, efiAction, partitionTable:
		return true
	}
	return false
}

// sum hashes all parts as the bank does.
func (b Bank) sum(parts ...[]byte) []byte {
	h := b.hash.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

var localitySignature = []byte("StartupLocality\x00")

// startupLocality reads the event that tells from which locality the TPM was started: PCR 0 begins with its number (section 10.4.5.3).
func startupLocality(e goattest.Event) (byte, bool) {
	number, ok := bytes.CutPrefix(e.Data, localitySignature)
	if e.Index != 0 || !ok || len(number) != 1 {
		return 0, false
	}
	return number[0], number[0] == 0 || number[0] == 3 || number[0] == 4
}

// Explained is what a log says about the PCRs that it replays to.
type Explained struct {
	Events     int   // measurements into these PCRs
	SecureBoot *bool // nil: unknown
}

// VerifyLog replays a log to the values of PCRs in each bank: every one of them is exactly what the log leads to, so a PCR that
// the log does not mention is as it was at the start.
func VerifyLog(log []byte, values map[Bank]Registers) (Explained, error) {
	parsed, err := parseLog(log)
	if err != nil {
		return Explained{}, err
	}
	var out Explained
	asked := 0
	for _, b := range banks { // the strongest has the last word
		pcrs := values[b]
		if len(pcrs) == 0 {
			continue
		}
		r, err := parsed.replay(b, pcrs)
		if err != nil {
			return Explained{}, err
		}
		if err := r.checkUntouched(pcrs); err != nil {
			return Explained{}, err
		}
		asked += len(pcrs)
		out.Events = max(out.Events, len(r.events))
		if s := r.secureBoot(); s != nil {
			out.SecureBoot = s
		}
	}
	if asked == 0 {
		return Explained{}, attest.Refuse(attest.ReasonMalformed, "no PCR to replay the event log to")
	}
	return out, nil
}

// checkUntouched refuses a value that no event explains.
func (r *replayed) checkUntouched(pcrs Registers) error {
	for i, value := range pcrs {
		measured := slices.ContainsFunc(r.events, func(e event) bool { return e.index == i })
		if !measured && !bytes.Equal(value, r.bank.reset(i)) {
			return attest.Refuse(attest.ReasonIntegrity, "event log has nothing about PCR %d", i)
		}
	}
	return nil
}
