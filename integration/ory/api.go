package ory

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// API is the address of a JSON API, without a slash at its end.
type API string

// Error is an answer other than 2xx.
type Error struct {
	Call   string // method and path
	Status int
	Body   []byte
}

func (e *Error) Error() string { return fmt.Sprintf("%s: status %d: %s", e.Call, e.Status, e.Body) }

// Call sends in as JSON, unless it is nil, with the header, and decodes the answer into out, unless that is nil. It follows
// no redirect. Any other answer than 2xx is an *Error.
func (a API) Call(ctx context.Context, method, path string, header http.Header, in, out any) (http.Header, error) {
	var body bytes.Buffer
	kind := ""
	if in != nil {
		kind = "application/json"
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, string(a)+path, &body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	return do(req, kind, out)
}

// Form posts values as a form, and is like Call else.
func (a API) Form(ctx context.Context, path string, values url.Values, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, string(a)+path, strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	_, err = do(req, "application/x-www-form-urlencoded", out)
	return err
}

func do(req *http.Request, kind string, out any) (http.Header, error) {
	req.Header.Set("Accept", "application/json")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, &Error{Call: req.Method + " " + req.URL.Path, Status: resp.StatusCode, Body: text}
	}
	if out == nil {
		return resp.Header, nil
	}
	return resp.Header, json.Unmarshal(text, out)
}
