package gateway

import (
	"net/http"
	"strings"
	"testing"
)

const parted = "multipart/form-data; boundary=x"

// part is one of a form in parts; file is "" where it is no file.
func part(name, file, content string) string {
	head := `--x` + "\r\n" + `Content-Disposition: form-data; name="` + name + `"`
	if file != "" {
		head += `; filename="` + file + `"` + "\r\nContent-Type: text/plain"
	}
	return head + "\r\n\r\n" + content + "\r\n"
}

func TestAFormInPartsIsReadAsTheSameForm(t *testing.T) {
	body := part("a", "", "1 & 2") + part("f", "proof.txt", "content\r\nof a file") + part("g", "", "") + "--x--\r\n"
	got, err := readUpload(request(t, http.MethodPost, "/", strings.NewReader(body), "Content-Type", parted))
	must(t, err)
	if got.Get("a") != "1 & 2" || got.Get("f") != "content\r\nof a file" || !got.Has("g") || len(got) != 3 {
		t.Errorf("%q", got)
	}
	got, err = readUpload(request(t, http.MethodPost, "/", strings.NewReader("a=1+%26+2"), "Content-Type", formType))
	if err != nil || got.Get("a") != "1 & 2" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAFormInPartsIsReadStrictly(t *testing.T) {
	good := part("a", "", "1") + "--x--\r\n"
	for name, c := range map[string]struct {
		mediaType, body string
		status          int
	}{
		"a name twice":          {parted, part("a", "", "1") + part("a", "", "2") + "--x--\r\n", 400},
		"a name and its file":   {parted, part("a", "", "1") + part("a", "f", "2") + "--x--\r\n", 400},
		"cut off":               {parted, part("a", "", "1"), 400},
		"no boundary":           {"multipart/form-data", good, 400},
		"a file too large":      {parted, part("f", "f", strings.Repeat("a", maxUpload+1)) + "--x--\r\n", 413},
		"another kind of parts": {"multipart/mixed; boundary=x", good, 415},
		"JSON":                  {jsonType, "{}", 415},
	} {
		got, err := readUpload(request(t, http.MethodPost, "/", strings.NewReader(c.body), "Content-Type", c.mediaType))
		if err == nil || got != nil || translate(err).status != c.status {
			t.Errorf("%s: %q, %v, want %d", name, got, err, c.status)
		}
	}
}

// Whatever the parts are: nothing is read that is longer than a file may be, and no name comes twice.
func FuzzUpload(f *testing.F) {
	for _, seed := range []string{part("a", "", "1") + part("f", "f", "content") + "--x--\r\n", "--x\r\n\r\n\r\n--x--", "--x--", "", "--x\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--x--"} {
		f.Add(seed, parted)
	}
	f.Fuzz(func(t *testing.T, body, mediaType string) {
		got, err := readUpload(request(t, http.MethodPost, "/", strings.NewReader(body), "Content-Type", mediaType))
		if err != nil && translate(err).status >= 500 {
			t.Errorf("%v", err)
		}
		for name, values := range got {
			if len(values) != 1 {
				t.Errorf("%q occurs %d times", name, len(values))
			}
		}
	})
}
