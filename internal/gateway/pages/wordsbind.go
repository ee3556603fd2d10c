package pages

import (
	"strconv"
	"strings"
	"time"
)

// Add offers to add an authenticator of method. replaces says that the account has one that ends then.
func Add(method string, replaces bool, form Form) Section {
	kind := MethodWords(method)
	form.Button, form.Quiet = "Add: "+kind, true
	if replaces {
		form.Button = "Replace: " + kind
	}
	return Section{Title: kind, Text: []string{methodPurpose(method)}, Form: &form}
}

func methodPurpose(method string) string {
	switch method {
	case "passkey":
		return "A device or a security key that you unlock with fingerprint, face or PIN. It cannot be phished."
	case "ssh-key":
		return "A key that you have for SSH, in a file or on a security key."
	case "recovery-key":
		return "A key that is made for this alone and kept offline, on paper or on a stick."
	case "recovery-code":
		return "Ten codes to keep on paper. Each works once."
	case "passphrase":
		return "Something that you know. It counts only beside another method."
	default:
		return ""
	}
}

// Binding is an enrolment that has begun.
type Binding struct {
	Method    string
	Account   string
	Until     time.Time // it has to be finished
	Text      string    // what a key signs
	Namespace string    // of an SSH signature
	Options   string    // of a passkey
	Named     bool      // a passkey is named in a recovery, under Account
	MinLength int       // of a passphrase
	MaxLength int
	Error     string // what was wrong the time before
	Form      Form
}

// Bind asks for what b needs.
func Bind(b Binding) Page {
	p := Page{
		Title: "Add: " + MethodWords(b.Method), Error: b.Error, Text: []string{methodPurpose(b.Method)},
		Facts: []Fact{{"Account", b.Account}, {"Finish before", moment(b.Until, "")}},
	}
	switch b.Method {
	case "recovery-code":
		b.codes(&p)
	case "passphrase":
		b.passphrase(&p)
	case "ssh-key":
		b.sshKey(&p)
	case "recovery-key":
		b.recoveryKey(&p)
	case "passkey":
		b.passkey(&p)
	}
	p.Form = &b.Form
	return p
}

func (b *Binding) codes(p *Page) {
	p.Notice = "The codes are shown once, on the next page. Have a printer or a pen ready. Codes that you have from before stop working."
	b.Form.Button = "Make the codes and show them"
}

func (b *Binding) passphrase(p *Page) {
	p.Notice = "Choose several words that have nothing to do with you or with each other. A password manager may make and keep it. A passphrase that you have from before stops working."
	b.Form.Fields = []Field{
		{
			Name: "passphrase", Label: "Passphrase", Type: "password", Complete: "new-password",
			Hint: strconv.Itoa(b.MinLength) + " to " + strconv.Itoa(b.MaxLength) + " characters, spaces too.",
		},
		{Name: "again", Label: "The same once more", Type: "password", Complete: "new-password"},
	}
	b.Form.Button = "Set the passphrase"
}

func (b *Binding) sshKey(p *Page) {
	p.Steps = []Step{
		{Text: "In a terminal, sign this enrolment with the key. Put the path of your own key at the end:", Command: signCommand(b.Text, b.Namespace)},
		{Text: "Copy what it prints into “Signature”, and the line of the file that ends in .pub into “Public key”."},
	}
	b.Form.Fields = []Field{
		labelField,
		{Name: "public_key", Label: "Public key", Hint: "One line, such as ssh-ed25519 AAAA…", Type: "textarea"},
		{Name: "signature", Label: "Signature", Hint: "From -----BEGIN SSH SIGNATURE----- to the end. Leave it empty to send a file.", Type: "textarea", Optional: true},
		{Name: "signature_file", Label: "Or the signature as a file", Type: "file", Optional: true},
	}
	b.Form.Button = "Add the key"
}

func (b *Binding) recoveryKey(p *Page) {
	p.Steps = []Step{
		{Text: "If you have no recovery key yet, make one, on a machine that you trust:", Command: "regrant proof new --issuer " + issuerOf(b.Text)},
		{Text: "Save this text as enrolment.txt, and bring it to the machine where the key is. That machine needs no network:", Command: b.Text},
		{Text: "Sign it there:", Command: "regrant proof sign --key recovery-key.txt enrolment.txt"},
		{Text: "Copy what it prints into “Proof”, or send it as a file."},
	}
	b.Form.Fields = []Field{
		labelField,
		{Name: "proof", Label: "Proof", Hint: "From -----BEGIN REGRANT PROOF----- to the end. Leave it empty to send a file.", Type: "textarea", Optional: true},
		{Name: "proof_file", Label: "Or the proof as a file", Type: "file", Optional: true},
	}
	b.Form.Button = "Add the key"
}

func (b *Binding) passkey(p *Page) {
	p.Notice = "Your browser asks where to keep the passkey. A security key, or a device that you do not carry with you, is good for recovery."
	if b.Named {
		p.Notice += " Some security keys are found only if you enter exactly the name " + b.Account + " when you recover."
	}
	b.Form.Fields = []Field{labelField}
	b.Form.Passkey = &Passkey{Ceremony: "create", Options: b.Options}
	b.Form.Button = "Make a passkey"
}

var labelField = Field{Name: "label", Label: "Your name for it", Hint: "Shown in your list and in notices. Up to 64 characters; may stay empty.", Optional: true}

// signCommand is one command for any POSIX shell: what is quoted there means nothing but itself.
func signCommand(text, namespace string) string {
	var command strings.Builder
	command.WriteString(`printf '%s\n'`)
	for line := range strings.Lines(text) {
		command.WriteString(" '" + strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "'", `'\''`) + "'")
	}
	return command.String() + " | ssh-keygen -Y sign -n " + namespace + " -f ~/.ssh/id_ed25519"
}

// issuerOf is the issuer that an enrolment's text names.
func issuerOf(text string) string {
	for line := range strings.Lines(text) {
		if issuer, ok := strings.CutPrefix(line, "issuer: "); ok {
			return strings.TrimSpace(issuer)
		}
	}
	return ""
}
