package browser

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// Form is one form of a page with the values it was sent with.
type Form struct {
	Action string
	Method string
	Values url.Values
}

// read collects title, links and forms below n; form is the one that n is in.
func (p *Page) read(n *html.Node, form *int) {
	if n.Type == html.ElementNode {
		switch n.Data {
		case "title":
			p.Title = text(n)
		case "a":
			p.Links = append(p.Links, Link{Text: text(n), Href: attr(n, "href")})
		case "form":
			f := Form{Action: attr(n, "action"), Method: http.MethodGet, Values: url.Values{}}
			if strings.EqualFold(attr(n, "method"), "post") {
				f.Method = http.MethodPost
			}
			p.Forms = append(p.Forms, f)
			i := len(p.Forms) - 1
			form = &i
		case "input", "button":
			p.input(n, form)
		}
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		p.read(c, form)
	}
}

// input takes the value of a field that is sent without anybody touching it.
func (p *Page) input(n *html.Node, form *int) {
	name, kind := attr(n, "name"), attr(n, "type")
	if form == nil || name == "" || n.Data == "button" || kind == "submit" {
		return
	}
	if (kind == "checkbox" || kind == "radio") && !has(n, "checked") {
		return
	}
	p.Forms[*form].Values.Set(name, attr(n, "value"))
}

// Form is the first whose action contains action, as [Browser.Submit] finds it; nil: there is none.
func (p *Page) Form(action string) *Form {
	for i := range p.Forms {
		if strings.Contains(p.Forms[i].Action, action) {
			return &p.Forms[i]
		}
	}
	return nil
}

// Text is what a person reads on the page.
func (p *Page) Text() string { return text(p.doc) }

func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "style") {
			return
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// Copy is the text to be copied on the page that begins with prefix, as it stands; "" if there is none.
func (p *Page) Copy(prefix string) string {
	for n := range p.doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "code" && n.FirstChild != nil && strings.HasPrefix(n.FirstChild.Data, prefix) {
			return n.FirstChild.Data
		}
	}
	return ""
}
