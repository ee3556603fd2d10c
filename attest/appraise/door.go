package appraise

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/regrant/regrant/attest"
	"github.com/regrant/regrant/internal/strictjson"
)

// Verdict is the outcome of a request.
type Verdict string

// The verdicts.
const (
	Accept Verdict = "accept"
	Refuse Verdict = "refuse"
	Error  Verdict = "error" // the request is not valid
)

// Answer is what is said to a request.
type Answer struct {
	ID      string        `json:"id,omitempty"`
	Verdict Verdict       `json:"verdict"`
	Reason  attest.Reason `json:"reason,omitempty"` // of a refusal
	Detail  string        `json:"detail,omitempty"` // one line for an operator
	Claims  any           `json:"claims,omitempty"` // beside accept only
}

// Format judges a request of one kind. The error is an *[attest.Error] when the Evidence is refused, and one made by [Request] when the
// request is not valid.
type Format func(*Request) (claims any, err error)

// Door answers requests. It is safe for concurrent use.
type Door struct {
	formats map[string]Format
	panics  atomic.Int64
}

// New makes a door for the formats of the rooms under attest, and for others that the caller hands in by name.
func New(others map[string]Format) *Door {
	formats := map[string]Format{
		"x509-chain":     chain,
		"x509-signature": signature,
		"crl":            crl,
		"ocsp":           ocsp,
		"sshsig":         sshSignature,
		"recovery-key":   recoveryKey,

		"webauthn-registration": registration,
		"webauthn-assertion":    assertion,
		"android-key":           androidKey,
		"apple-device":          appleDevice,
		"tpm-certify":           tpmCertify,
		"tpm-event-log":         tpmEventLog,
		"tpm-quote":             tpmQuote,
	}
	maps.Copy(formats, others)
	return &Door{formats: formats}
}

// Formats lists what the door judges.
func (d *Door) Formats() []string { return slices.Sorted(maps.Keys(d.formats)) }

// Panics is how many requests made a parser panic. Each was refused as malformed.
func (d *Door) Panics() int64 { return d.panics.Load() }

// Answer judges one request, a JSON object.
func (d *Door) Answer(text []byte) Answer {
	members, err := split(text)
	if err != nil {
		return Answer{Verdict: Error, Detail: line(err)}
	}
	id := identifier(members)
	claims, err := d.judge(text)
	if err == nil {
		return Answer{ID: id, Verdict: Accept, Claims: claims}
	}
	if refused, ok := errors.AsType[*attest.Error](err); ok {
		return Answer{ID: id, Verdict: Refuse, Reason: refused.Reason, Detail: oneLine(refused.Detail)}
	}
	return Answer{ID: id, Verdict: Error, Detail: line(err)}
}

// split reads the members of a request, so that an answer bears the id also where the rest of the request is not valid.
func split(text []byte) (map[string]jsontext.Value, error) {
	var members map[string]jsontext.Value
	if err := strictjson.Decode(text, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("request is not an object")
	}
	return members, nil
}

func identifier(members map[string]jsontext.Value) string {
	var id string
	if json.Unmarshal(members["id"], &id) != nil {
		return ""
	}
	return id
}

func (d *Door) judge(text []byte) (claims any, err error) {
	defer func() {
		if recover() != nil { // its own text may quote the Evidence
			d.panics.Add(1)
			claims, err = nil, attest.Refuse(attest.ReasonMalformed, "the parser panicked")
		}
	}()
	var m message
	if err := strictjson.Decode(text, &m); err != nil {
		return nil, err
	}
	format := d.formats[m.Format]
	if format == nil {
		return nil, errors.New("format is none of " + strings.Join(d.Formats(), ", "))
	}
	r, err := m.request()
	if err != nil {
		return nil, err
	}
	return format(r)
}

// Encode writes an answer as one line of JSON without a line end.
func (a Answer) Encode() ([]byte, error) { return json.Marshal(a) }

func line(err error) string { return oneLine(err.Error()) }

// oneLine keeps names that came with the request from breaking the line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// rfc3339 is the form of section 5.6, with T and Z in capitals, which it leaves to us.
var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// parseTime reads RFC 3339 without leap seconds. time.Parse alone would also take hours of one digit, fractions behind a comma and offsets of a day.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || !rfc3339.MatchString(s) || t.IsZero() { // the zero time would be no clock
		return time.Time{}, errors.New("time is not a time of RFC 3339")
	}
	return t, nil
}
