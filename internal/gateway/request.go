package gateway

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/regrant/regrant/internal/strictjson"
	"github.com/regrant/regrant/internal/throttle"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// readJSON reads the one JSON value of r's body into the value that into points at. It demands the media type: a form
// of another site can send JSON, but not under this name without asking first, which nobody answers.
func readJSON(r *http.Request, into any) error {
	body, err := readBody(r, jsonType)
	if err != nil {
		return err
	}
	return strictjson.Decode(body, into)
}

// within is err, of decoding a part of a body, for the whole of it.
func within(member string, err error) error {
	if part, ok := errors.AsType[*strictjson.Error](err); ok {
		return &strictjson.Error{Member: member + part.Member, Problem: part.Problem}
	}
	return err
}

// readForm reads a form. A name that comes twice is refused, since the next reader might take the other value.
func readForm(r *http.Request) (url.Values, error) {
	body, err := readBody(r, formType)
	if err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed("", "The form cannot be read.")
	}
	for _, v := range values {
		if len(v) != 1 {
			return nil, malformed("", "A name occurs twice in the form.")
		}
	}
	return values, nil
}

// readBody reads what [Gateway.admit] has left of r.
func readBody(r *http.Request, mediaType string) ([]byte, error) {
	if err := demandType(r, mediaType); err != nil {
		return nil, err
	}
	return io.ReadAll(r.Body)
}

// demandType refuses a body of another media type.
func demandType(r *http.Request, mediaType string) error {
	sent, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || sent != mediaType || len(r.Header.Values("Content-Type")) != 1 {
		return errMediaType
	}
	return nil
}

// spokenInJSON tells a program: no form of a page can send this.
func spokenInJSON(r *http.Request) bool {
	return r.Method == http.MethodDelete || demandType(r, jsonType) == nil
}

// readAll reads the whole body from the connection, as far as it may go.
func readAll(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errTooSlow
	case err != nil:
		return nil, malformed("", "The body ended early.")
	}
	arrived(w)
	return body, nil
}

// network is where r comes from, as limits and statements have it.
func (g *Gateway) network(r *http.Request) (netip.Prefix, error) {
	addr := g.ClientIP(r)
	if !addr.IsValid() {
		return netip.Prefix{}, unavailable(errors.New("the client's address is not known"))
	}
	return throttle.Prefix(addr), nil
}

// seconds rounds down: nobody should count on more.
func seconds(d time.Duration) int { return int(d / time.Second) }

// required refuses an empty member.
func required(member, value string) error {
	if value == "" {
		return malformed(member, fmt.Sprintf("%s is required.", member[1:]))
	}
	return nil
}
