package main

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// appraisal is a kind of evidence, judged beside the bare cryptography over the same input. Times are in nanoseconds.
type appraisal struct {
	Name        string
	Whole, Bare float64
	Ratio       float64
	Most        float64 // of the ratio; 0: nothing is demanded
}

// mostRatio is demanded of the kinds that begin so.
const mostRatio = 1.5

var held = regexp.MustCompile(`^(x509-|webauthn-|sshsig)`)

// appraisalLine is one of BenchmarkAppraisal, whose figures stand in the order of their names.
var appraisalLine = regexp.MustCompile(`(?m)^BenchmarkAppraisal/(\S+?)(?:-\d+)?\s+\d+\s+([\d.e+]+) bare-ns\s+([\d.e+]+) ratio\s+([\d.e+]+) whole-ns$`)

// appraise runs the Go benchmark of the formats.
func (b *bench) appraise(ctx context.Context) (list []appraisal, err error) {
	rounds := "201x"
	if b.Quick {
		rounds = "1x"
	}
	text, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkAppraisal$", "-benchtime", rounds, "github.com/regrant/regrant/attest").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("the benchmark of the formats: %w: %s", err, text)
	}
	for _, m := range appraisalLine.FindAllStringSubmatch(string(text), -1) {
		a := appraisal{Name: strings.ReplaceAll(m[1], "_", " ")}
		for i, into := range []*float64{&a.Bare, &a.Ratio, &a.Whole} {
			if *into, err = strconv.ParseFloat(m[2+i], 64); err != nil {
				return nil, fmt.Errorf("the benchmark of the formats: %w", err)
			}
		}
		if held.MatchString(a.Name) {
			a.Most = mostRatio
		}
		b.say("  %s: %.0f/s, %.2f times the bare cryptography", a.Name, a.Rate(), a.Ratio)
		b.demand(a.Most == 0 || a.Ratio <= a.Most, "%s: %.2f times the time of the bare cryptography, %.1f allowed", a.Name, a.Ratio, a.Most)
		list = append(list, a)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the benchmark of the formats says nothing: %s", text)
	}
	return list, nil
}

// Rate is how many are judged in a second, on one processor.
func (a appraisal) Rate() float64 { return 1e9 / a.Whole }

// BareRate is Rate of the bare cryptography.
func (a appraisal) BareRate() float64 { return 1e9 / a.Bare }
