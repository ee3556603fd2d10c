package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
)

type order struct {
	Name  string           `json:"name"`
	Count int              `json:"count"`
	Parts []order          `json:"parts"`
	Raw   []jsontext.Value `json:"raw"`
	Token upper            `json:"token"`
}

// upper is a type with a parser of its own whose error quotes its input.
type upper string

func (u *upper) UnmarshalText(text []byte) error {
	if s := string(text); s != strings.ToUpper(s) {
		return errors.New("not upper case: " + s)
	}
	*u = upper(text)
	return nil
}

func TestDecodesWhatIsKnown(t *testing.T) {
	var got order
	err := Decode([]byte(` {"name":"a","count":2,"parts":[{"name":"b"}],"raw":[{"x":[1]},null],"token":"ABC"}`+"\n"), &got)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "a" || got.Count != 2 || got.Parts[0].Name != "b" || string(got.Raw[0]) != `{"x":[1]}` || got.Token != "ABC" {
		t.Errorf("decoded %+v", got)
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ name, text, member, problem string }{
		{"duplicate member", `{"name":"a","name":"b"}`, "/name", "occurs twice"},
		{"duplicate by escape", `{"name":"a","nam\u0065":"b"}`, "/name", "occurs twice"},
		{"duplicate inside a part that is only copied", `{"raw":[{"x":1,"x":2}]}`, "/raw/0/x", "occurs twice"},
		{"unknown member", `{"other":1}`, "/other", "is not known"},
		{"unknown member further in", `{"parts":[{},{"other":1}]}`, "/parts/1/other", "is not known"},
		{"member in another case", `{"Name":"a"}`, "/Name", "is not known"},
		{"wrong type", `{"count":"2"}`, "/count", "has the wrong type or form"},
		{"fraction for an integer", `{"count":2.5}`, "/count", "has the wrong type or form"},
		{"number out of range", `{"count":99999999999999999999}`, "/count", "has the wrong type or form"},
		{"refused by the type", `{"token":"s3cret"}`, "/token", "has the wrong type or form"},
		{"array for the object", `[]`, "", "has the wrong type or form"},
		{"empty", ``, "", "not valid JSON"},
		{"space only", " \n", "", "not valid JSON"},
		{"second value", `{} {}`, "", "not valid JSON"},
		{"junk behind", `{}x`, "", "not valid JSON"},
		{"cut short", `{"name":"a"`, "", "not valid JSON"},
		{"byte order mark", "\ufeff{}", "", "not valid JSON"},
		{"comment", `{/**/}`, "", "not valid JSON"},
		{"invalid UTF-8", "{\"name\":\"\xff\"}", "/name", "not valid JSON"},
		{"half a surrogate pair", `{"name":"\ud800"}`, "/name", "not valid JSON"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Decode([]byte(tt.text), new(order))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error is %v", err)
			}
			if e.Member != tt.member || e.Problem != tt.problem {
				t.Errorf("member %q: %s", e.Member, e.Problem)
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
	}
	var into any
	if err := Decode(nested(MaxDepth), &into); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	for _, depth := range []int{MaxDepth + 1, 1_000_000} {
		var e *Error
		if err := Decode(nested(depth), &into); !errors.As(err, &e) || e.Problem != "nested too deeply" {
			t.Errorf("%d levels: %v", depth, err)
		}
		copied := append(append([]byte(`{"name":"]}","raw":`), nested(depth-1)...), '}') // a part that is only copied counts too
		if err := Decode(copied, new(order)); !errors.As(err, &e) || e.Problem != "nested too deeply" {
			t.Errorf("%d levels in a part that is only copied: %v", depth, err)
		}
	}
	if err := Decode([]byte(`{"name":"`+strings.Repeat("[", 100)+`"}`), new(order)); err != nil {
		t.Errorf("brackets in a string: %v", err)
	}
}

func TestErrorsRepeatNoValue(t *testing.T) {
	for _, text := range []string{
		`{"count":"s3cret"}`, `{"token":"s3cret"}`, `{"other":"s3cret"}`, `{"name":"x","name":"s3cret"}`, `{"name":"s3cret`, `{"name":s3cret}`,
		`"s3cret"`, `{"name":"a"} "s3cret"`,
	} {
		if err := Decode([]byte(text), new(order)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestErrorsAreShort(t *testing.T) {
	err := Decode([]byte(`{"`+strings.Repeat("x", 5000)+`":1}`), new(order))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("error of %d bytes", len(err.Error()))
	}
}

func TestReaderIsBounded(t *testing.T) {
	const text = `{"name":"a"}`
	var got order
	if err := DecodeReader(strings.NewReader(text), int64(len(text)), &got); err != nil || got.Name != "a" {
		t.Errorf("text of just the size: %v", err)
	}
	if err := DecodeReader(strings.NewReader(text), int64(len(text))-1, &got); !errors.Is(err, ErrTooLarge) {
		t.Errorf("text one byte over: %v", err)
	}
	if err := DecodeReader(io.MultiReader(strings.NewReader(`{"name":`), iotest.ErrReader(io.ErrClosedPipe)), 99, &got); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("broken reader: %v", err)
	}
}

// FuzzDecode holds the decoder to its bounds: what it accepts is one value in the only form there is of it.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","count":2,"parts":[{"name":"b"}],"raw":[{"x":[1]},null]}`, `{"name":"a","name":"b"}`, `{}{}`, `[[[[`, `{"Name":1}`, "{\"name\":\"\xff\"}", ``,
		`{"name":"[[[[\\"{{","raw":[[{"\\\\":[]}]]}`, strings.Repeat("[", MaxDepth+1), `{"raw":` + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + `}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var into order
		err := Decode(data, &into)
		if err == nil {
			if !jsontext.Value(data).IsValid() {
				t.Error("accepted what is not valid JSON")
			}
			if n := nesting(t, data); n > MaxDepth || n != depth(data) {
				t.Errorf("accepted %d levels, counted %d", n, depth(data))
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("error is %T", err)
		}
	})
}

// nesting is how deep a JSON text nests, by the library's own count.
func nesting(t *testing.T, data []byte) (deepest int) {
	t.Helper()
	d := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		_, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return deepest
		}
		if err != nil {
			t.Fatal(err)
		}
		deepest = max(deepest, d.StackDepth())
	}
}
