package selfservice

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// flow is one of Kratos' flows, as far as its page needs it.
type flow struct {
	ReturnTo  string `json:"return_to"`
	Challenge string `json:"oauth2_login_challenge"`
	UI        struct {
		Action   string    `json:"action"`
		Nodes    []node    `json:"nodes"`
		Messages []message `json:"messages"`
	} `json:"ui"`
}

type message struct {
	Text string `json:"text"`
}

// node is a part of the page: a field, a button, a text or an image.
type node struct {
	Type       string `json:"type"`
	Group      string `json:"group"`
	Attributes struct {
		Name     string  `json:"name"`
		Type     string  `json:"type"`
		Value    any     `json:"value"`
		Required bool    `json:"required"`
		Text     message `json:"text"`
		Source   string  `json:"src"`
	} `json:"attributes"`
	Messages []message `json:"messages"`
	Meta     struct {
		Label message `json:"label"`
	} `json:"meta"`
}

func texts(all []message) (out []string) {
	for _, m := range all {
		out = append(out, m.Text)
	}
	return out
}

// sections lays a flow out: one section for each group of nodes, in it one form for each button. What is in the group
// "default" belongs to every form. Buttons that only a script could serve, as for passkeys, are left out.
func (f flow) sections() (out []section) {
	var groups []string
	for _, n := range f.UI.Nodes {
		if n.Group != "default" && !slices.Contains(groups, n.Group) {
			groups = append(groups, n.Group)
		}
	}
	for _, group := range groups {
		if s := f.section(group); len(s.Forms) > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (f flow) section(group string) (s section) {
	base := form{Action: f.UI.Action}
	var buttons []node
	for _, n := range f.UI.Nodes {
		if n.Group != "default" && n.Group != group {
			continue
		}
		switch {
		case n.Type == "text":
			s.Texts = append(s.Texts, strings.TrimSpace(n.Meta.Label.Text+" "+n.Attributes.Text.Text))
		case n.Type == "img":
			s.Images = append(s.Images, image(n.Attributes.Source))
		case n.Type == "input" && n.Attributes.Type == "submit":
			buttons = append(buttons, n)
		case n.Type == "input" && n.Attributes.Type != "button":
			base.Fields = append(base.Fields, n.field())
			base.Messages = append(base.Messages, texts(n.Messages)...)
		}
	}
	for _, b := range buttons {
		one := base
		one.Button = b.Meta.Label.Text
		hidden := b.field()
		hidden.Type = "hidden"
		one.Fields = append(slices.Clone(base.Fields), hidden)
		s.Forms = append(s.Forms, one)
	}
	return s
}

func (n node) field() field {
	f := field{Name: n.Attributes.Name, Type: n.Attributes.Type, Label: n.Meta.Label.Text, Required: n.Attributes.Required}
	if n.Attributes.Value != nil {
		f.Value = fmt.Sprint(n.Attributes.Value)
	}
	return f
}

// image lets through only what Kratos draws: QR codes.
func image(source string) template.URL {
	if !strings.HasPrefix(source, "data:image/png;base64,") {
		return ""
	}
	return template.URL(source) //nolint:gosec // an image, as was checked
}
