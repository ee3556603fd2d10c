package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// Response is an answer of a server, read to its end.
type Response struct {
	Status int
	JSON   bool // it calls itself application/json
	Header http.Header
	Body   []byte
}

// Segment tells whether an id can stand in a path as it is. Those of servers can;
// anything else could lead a request elsewhere.
func Segment(id string) bool {
	return id != "" && id == url.PathEscape(id) && strings.Trim(id, ".") != ""
}

// Request asks for JSON, and sends body as JSON unless it is nil. Its error wraps
// [ErrUnavailable] and does not tell the address either.
func Request(ctx context.Context, method, address string, body any) (*http.Request, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("writing a request: %w: %v", ErrUnavailable, err)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(payload))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", ErrUnavailable)
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return r, nil
}

// Ask sends r by a [BoundedClient] and reads the whole answer. Its error wraps
// [ErrUnavailable] and does not tell the address, whose query may name a person.
func Ask(client *http.Client, r *http.Request) (Response, error) {
	resp, err := client.Do(r) //nolint:gosec // the address is the configured server's
	if err != nil {
		var failure *url.Error
		if errors.As(err, &failure) {
			err = failure.Err
		}
		return Response{}, fmt.Errorf("calling the server: %w: %v", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Response{}, fmt.Errorf("reading the server's answer: %w: %v", ErrUnavailable, err)
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return Response{Status: resp.StatusCode, JSON: kind == "application/json", Header: resp.Header, Body: body}, nil
}
