package kratos

import (
	"context"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/regrant/regrant/internal/setup"
)

// Server is a Kratos whose file was read and that was asked for its version.
type Server struct {
	o   Options
	api api
}

// Connect reads the file and asks the server for its version, and refuses what the gateway could not work with. It changes
// nothing.
func Connect(ctx context.Context, o Options) (*Server, error) {
	s, err := Open(o)
	if err != nil {
		return nil, err
	}
	return s, s.api.checkVersion(ctx)
}

// Open reads the file and calls nobody: it is enough for undoing.
func Open(o Options) (*Server, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	s := &Server{o: o, api: newAPI(o)}
	c, err := s.config()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"selfservice", "identity"} {
		if _, ok := c.all[name].(map[string]any); !ok {
			return nil, fmt.Errorf("%s is no configuration of Kratos: it has no %s", o.File, name)
		}
	}
	return s, nil
}

func (s *Server) document() (document, error) {
	text, err := read(s.o.File)
	if err != nil {
		return document{}, fmt.Errorf("reading the configuration of Kratos: %w", err)
	}
	d, err := parse(text)
	if err != nil {
		return document{}, fmt.Errorf("reading %s: %w", s.o.File, err)
	}
	return d, nil
}

// Plan says what is to be changed in the file. It changes nothing.
func (s *Server) Plan(ctx context.Context) (setup.Plan, error) {
	c, err := s.config()
	if err != nil {
		return setup.Plan{}, err
	}
	var wishes []setup.Wish
	for _, w := range s.o.wanted(c) {
		wishes = append(wishes, setup.Wish{Object: s.setting(w.path), Why: w.why, Want: w.want})
	}
	plan, err := setup.Make(ctx, wishes)
	if err != nil {
		return setup.Plan{}, err
	}
	plan.Notes = c.notes(s.o)
	more, err := s.served(ctx, c)
	plan.Notes = append(plan.Notes, more...)
	return plan, err
}

// kind of the objects, in records.
const kind = "setting"

// Find returns the object of a kind and name, for undoing.
func (s *Server) Find(of, name string) (setup.Object, error) {
	if of != kind {
		return setup.Object{}, fmt.Errorf("the record names a %q, which nothing here makes", of)
	}
	return s.setting(name), nil
}

// setting is one value of the file. Its state is the text that stands there, so that it can be put back to the letter.
func (s *Server) setting(path string) setup.Object {
	return setup.Object{
		Kind: kind, Name: path,
		Read: func(context.Context) (setup.State, error) {
			d, err := s.document()
			if err != nil {
				return nil, err
			}
			text, err := d.written(path)
			if text == "" || err != nil {
				return nil, err
			}
			return setup.State{"written": text}, nil
		},
		Write: func(_ context.Context, _, to setup.State) error {
			text := ""
			if to != nil {
				text, _ = to["written"].(string)
			}
			return s.write(path, text)
		},
	}
}

func (s *Server) write(path, value string) error {
	d, err := s.document()
	if err != nil {
		return err
	}
	changed, err := with(d.text, path, value)
	if err != nil {
		return err
	}
	return replace(s.o.File, d.text, changed)
}

// valueOf is what a state means. Nil: the setting is not there.
func valueOf(now setup.State) (value any, err error) {
	text, ok := now["written"].(string)
	if !ok {
		return nil, nil
	}
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return nil, errors.New("its value is no YAML")
	}
	return value, nil
}
