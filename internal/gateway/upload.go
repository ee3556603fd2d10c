package gateway

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

const (
	uploadType = "multipart/form-data"
	maxUpload  = 8 << 10 // bytes of a file
)

// readUpload reads a form that may carry a file (RFC 7578), whose value is then its content. The rules are those of [readForm].
func readUpload(r *http.Request) (url.Values, error) {
	if demandType(r, uploadType) != nil {
		return readForm(r)
	}
	_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // demandType has read it
	parts := multipart.NewReader(r.Body, params["boundary"])
	values := url.Values{}
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, malformed("", "The form cannot be read.")
		}
		name := part.FormName()
		if values.Has(name) {
			return nil, malformed("", "A name occurs twice in the form.")
		}
		content, err := io.ReadAll(part)
		switch {
		case err != nil:
			return nil, malformed("", "The form cannot be read.")
		case part.FileName() != "" && len(content) > maxUpload:
			return nil, errFileTooLarge
		}
		values.Set(name, string(content))
	}
}
