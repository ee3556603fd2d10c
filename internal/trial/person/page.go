package person

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// page is what the browser shows.
type page struct {
	url    *url.URL
	status int
	title  string
	text   string
	forms  []form
	links  []string // addresses, as they are written
}

// form is a form with the values that it sends when nobody touches it.
type form struct {
	action, method string
	values         url.Values
	name, password string // of its fields for a name and a password; "" where it has none
}

func readPage(at *url.URL, status int, body string) *page {
	p := &page{url: at, status: status}
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return p // of what is no HTML there is nothing to read
	}
	var words []string
	p.read(doc, -1, &words)
	p.text = strings.Join(words, " ")
	return p
}

// read collects what is below n; in is the form around it.
func (p *page) read(n *html.Node, in int, words *[]string) {
	switch {
	case n.Type == html.TextNode:
		*words = append(*words, strings.Fields(n.Data)...)
	case n.Type != html.ElementNode:
	case n.Data == "script" || n.Data == "style":
		return
	case n.Data == "title" && n.FirstChild != nil:
		p.title = strings.Join(strings.Fields(n.FirstChild.Data), " ")
	case n.Data == "a" && attr(n, "href") != "":
		p.links = append(p.links, attr(n, "href"))
	case n.Data == "form":
		p.forms = append(p.forms, form{action: attr(n, "action"), method: strings.ToUpper(attr(n, "method")), values: url.Values{}})
		in = len(p.forms) - 1
	case in >= 0 && (n.Data == "input" || n.Data == "button"):
		p.forms[in].take(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.read(c, in, words)
	}
}

// take reads one field. Of the buttons the first counts, as where somebody presses Enter.
func (f *form) take(n *html.Node) {
	name, kind := attr(n, "name"), strings.ToLower(attr(n, "type"))
	if name == "" {
		return
	}
	switch {
	case n.Data == "button" || kind == "submit":
		if !f.values.Has(name) {
			f.values.Set(name, attr(n, "value"))
		}
	case kind == "password":
		f.password = name
	case kind == "checkbox" || kind == "radio":
	default:
		if f.name == "" && kind != "hidden" {
			f.name = name
		}
		f.values.Set(name, attr(n, "value"))
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// leadingTo is the first form whose address contains part.
func (p *page) leadingTo(part string) (form, bool) {
	for _, f := range p.forms {
		if strings.Contains(f.action, part) && f.method == http.MethodPost {
			return f, true
		}
	}
	return form{}, false
}

// signIn is the form that asks for a name and a password.
func (p *page) signIn() (form, bool) {
	for _, f := range p.forms {
		if f.name != "" && f.password != "" && f.method == http.MethodPost {
			return f, true
		}
	}
	return form{}, false
}

// link is the first whose address contains part.
func (p *page) link(part string) string {
	for _, l := range p.links {
		if strings.Contains(l, part) {
			return l
		}
	}
	return ""
}
