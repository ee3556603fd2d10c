package upstream

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// Response is an answer of a server, read to its end.
type Response struct {
	Status int
	JSON   bool // it calls itself application/json
	Header http.Header
	Body   []byte
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
