package oauth

import (
	"io"
	"mime"
	"net/http"
	"net/url"
)

const maxForm = 32 << 10 // an assertion has at most 8 KiB; the rest is room for everything else

// ReadForm reads the parameters of a token request (RFC 6749 §3.2): a POST whose body alone carries them, form-encoded,
// each at most once. A parameter without a value counts as left out. Every error is an [*Error].
func ReadForm(r *http.Request) (url.Values, error) {
	if r.Method != http.MethodPost {
		refusal := InvalidRequest("the method is not POST")
		refusal.Status = http.StatusMethodNotAllowed
		return nil, refusal
	}
	// fosite would read multipart bodies too, with files and temporary storage; and parameters in the URL end in logs.
	if r.URL.RawQuery != "" {
		return nil, InvalidRequest("parameters belong in the body")
	}
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return nil, InvalidRequest("one Content-Type is needed")
	}
	if mediaType, _, err := mime.ParseMediaType(types[0]); err != nil || mediaType != "application/x-www-form-urlencoded" {
		return nil, InvalidRequest("the Content-Type is not application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, InvalidRequest("the body could not be read").Because(err)
	}
	if len(body) > maxForm {
		return nil, InvalidRequest("the body is too large")
	}
	return ParseForm(string(body))
}

// ParseForm parses form-encoded parameters, each of which may come once (RFC 6749 §3.1, §3.2), and drops those
// without a value.
func ParseForm(encoded string) (url.Values, error) {
	form, err := url.ParseQuery(encoded)
	if err != nil {
		return nil, InvalidRequest("the parameters are not form-encoded") // err quotes a piece of them
	}
	for name, values := range form {
		// Of two values one party could check the first and another use the second.
		if len(values) != 1 {
			return nil, InvalidRequest("a parameter comes more than once")
		}
		if values[0] == "" {
			form.Del(name)
		}
	}
	return form, nil
}

// Pick returns the named parameters alone, so that fosite sees nothing that was not asked for.
func Pick(form url.Values, names ...string) url.Values {
	picked := make(url.Values, len(names))
	for _, name := range names {
		if form.Has(name) {
			picked.Set(name, form.Get(name))
		}
	}
	return picked
}

// Request wraps parameters that were already read and checked into the request that fosite expects.
func Request(method string, form url.Values) *http.Request {
	return &http.Request{Method: method, URL: &url.URL{}, Header: http.Header{}, Form: form, PostForm: form}
}

// BasicAuth returns the identifier and the secret of a client, which are form-encoded inside the one Authorization header
// (RFC 6749 §2.3.1).
func BasicAuth(r *http.Request) (id, secret string, ok bool) {
	if len(r.Header.Values("Authorization")) != 1 {
		return "", "", false
	}
	id, secret, ok = r.BasicAuth()
	id, idErr := url.QueryUnescape(id)
	secret, secretErr := url.QueryUnescape(secret)
	return id, secret, ok && idErr == nil && secretErr == nil
}
