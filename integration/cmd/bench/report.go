package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"text/template"
)

// report is everything that docs/performance.md says.
type report struct {
	scale
	Machine     machine
	Date        string
	Passing     []comparison
	Appraisals  []appraisal
	Handler     cost
	Initiates   initiations
	Recoveries  recovered
	Completions []completed
	Exchange    []comparison
	Hydra       string
	Database    string
}

//go:embed performance.md.tmpl
var pageText string

var page = template.Must(template.New("").Funcs(template.FuncMap{
	"rate":    func(r float64) string { return fmt.Sprintf("%.0f", r) },
	"ratio":   func(r float64) string { return fmt.Sprintf("%.2f", r) },
	"short":   short,
	"mib":     func(bytes int64) string { return fmt.Sprintf("%.0f", float64(bytes)/(1<<20)) },
	"percent": func(share float64) string { return fmt.Sprintf("%.1f", 100*share) },
	"per":     func(n, of int) string { return fmt.Sprintf("%.1f", float64(n)/float64(of)) },
}).Parse(pageText))

// Seconds is how long after the flood its memory was read.
func (r report) Seconds() int { return int(r.restTime.Seconds()) }

// write makes the page. Nothing of an older one is left.
func (r report) write(path string) error {
	var text bytes.Buffer
	if err := page.Execute(&text, r); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644) //nolint:gosec // a page for everybody
}
