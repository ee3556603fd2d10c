package pages

import (
	"fmt"
	"strings"
)

// Program is a file that people can get here.
type Program struct {
	Name     string
	Size     int64 // bytes
	Checksum string
	URL      string
}

// Programs lists what people can get.
func Programs(list []Program) Page {
	p := Page{
		Title: "Get the program regrant",
		Text: []string{
			"It makes and keeps the keys with which you recover your account, on your own device. Choose the file for its system.",
			"Before you run it, compare its SHA-256 with the one below: with sha256sum on Linux, shasum -a 256 on macOS, or certutil -hashfile on Windows. On Linux and macOS make it executable then, with chmod +x.",
		},
	}
	for _, program := range list {
		p.Items = append(p.Items, Item{
			Name:  program.Name,
			Facts: []Fact{{"Size", fmt.Sprintf("%.1f MB (%d bytes)", float64(program.Size)/1e6, program.Size)}, {"SHA-256", program.Checksum}},
			Way:   &Link{"Get " + program.Name, program.URL},
		})
	}
	return p
}

// OfferPrograms has every page that tells people to run the program say where to get it.
func (s *Set) OfferPrograms(address string) { s.programs = address }

// program is where to get the program that p tells people to run; "": it tells nothing of the kind, or there is none here.
func (s *Set) program(p Page) string {
	for _, step := range p.Steps {
		if isProgram(step.Command) {
			return s.programs
		}
	}
	for _, section := range p.Sections {
		if isProgram(section.Command) {
			return s.programs
		}
	}
	return ""
}

func isProgram(command string) bool { return strings.HasPrefix(command, "regrant ") }
