package pages

import "time"

// Beginning is what the start page offers.
type Beginning struct {
	Issuer string
	Begin  *Form    // recovering in this browser; nil: no method of the configuration works in one
	Lost   []string // actions of the protocol that can be asked for
	Device bool     // an enrolled device recovers by its program
	Cancel *Form    // leads back to the sign-in that waits; nil: none does
}

// Start explains how to prove oneself, and begins.
func Start(b Beginning) Page {
	p := Page{
		Title: "Recover your account",
		Text:  []string{"You prove that the account is yours with something that you set up before. No e-mail and no text message is needed. If you have set up nothing, ask your help desk."},
	}
	if b.Begin != nil {
		b.Begin.Fields = []Field{
			{Name: "account", Label: "Account name", Hint: "As you type it when you sign in.", Complete: "username"},
			{Name: "lost", Label: "What happened?", Type: "select", Choices: losses(b.Lost)},
		}
		b.Begin.Button = "Begin"
		p.Sections = append(p.Sections, Section{Title: "In this browser", Form: b.Begin})
	}
	if b.Device {
		p.Sections = append(p.Sections, Section{
			Title: "With an enrolled device",
			Text: []string{"On the device, open a terminal and run this command with your own account name. Compare the account and the actions that it shows, and agree. " +
				"A page of this site then opens in the browser of that device; continue there."},
			Command: "regrant device recover --issuer " + b.Issuer + " --account you@example.com",
		})
	}
	if b.Cancel == nil {
		p.After = "You can also go back to the application, sign in there, and choose the forgotten password."
		return p
	}
	p.Text = append(p.Text, "Your sign-in is waiting in this browser for 30 minutes. This page can stay open meanwhile.")
	b.Cancel.Button, b.Cancel.Quiet = "Cancel and go back to signing in", true
	p.Form = b.Cancel
	return p
}

// losses are what can have happened, by the action that helps.
func losses(actions []string) (choices []Fact) {
	words := map[string]string{
		"reset-password":  "I do not know my password",
		"replace-passkey": "I lost the passkey that I sign in with",
		"replace-otp":     "I lost the app or device with my one-time codes",
		"sign-in":         "I only need to sign in",
		"rehearse":        "Nothing: I want to try out whether recovery works",
	}
	for _, a := range actions {
		if text := words[a]; text != "" {
			choices = append(choices, Fact{text, a})
		}
	}
	return choices
}

// Asking is what the claimant is to prove.
type Asking struct {
	Account, Reference string
	Actions            []string
	Until              time.Time
	Sessions           bool      // all other sessions end
	Ways               []Section // one for each method
	Again              *Form     // gets a fresh statement, once this one is too old
	Renewed            bool      // this is one
}

// Prove asks for a proof.
func Prove(a Asking) Page {
	p := Page{
		Title:    "Prove that the account is yours",
		Text:     []string{"Choose one way. Do this only if you started this recovery yourself, just now. If somebody else asked you to, close this page."},
		Facts:    []Fact{{"Account", a.Account}},
		Sections: a.Ways,
		LeadsOn:  true,
	}
	name := "What will happen"
	for _, action := range a.Actions {
		p.Facts = append(p.Facts, Fact{name, actionWords(action)})
		name = ""
	}
	if a.Reference != "" {
		p.Title = "One more proof is needed"
		p.Text[len(p.Text)-1] = "The first proof was accepted. Choose one more way."
		p.Facts = append(p.Facts, Fact{"Reference for the help desk", a.Reference})
	}
	p.Facts = append(p.Facts, Fact{"This page is good until", moment(a.Until, "")})
	if a.Sessions {
		p.Notice = SessionsEnd
	}
	if a.Renewed {
		p.Text = append([]string{"This is a fresh page: what was sent from the one before was not used. Please prove it once more from here."}, p.Text...)
	}
	a.Again.Button, a.Again.Quiet = "This page is too old: renew it", true
	p.Form = a.Again
	return p
}

// The ways to prove. Each takes the form that sends its proof.

// WithPasskey asks the browser's authenticator.
func WithPasskey(form Form, options string) Section {
	form.Button, form.Passkey = "Use a passkey", &Passkey{Ceremony: "get", Options: options}
	return Section{Title: "Passkey", Text: []string{"Use a passkey or security key that you set up for recovery."}, Form: &form}
}

// WithCode asks for a recovery code.
func WithCode(form Form) Section {
	form.Button, form.Fields = "Use this code", []Field{{Name: "code", Label: "Recovery code", Hint: "Seven groups, as printed. Capital or small letters make no difference."}}
	return Section{Title: "Recovery code", Form: &form}
}

// WithPassphrase asks for the passphrase.
func WithPassphrase(form Form) Section {
	form.Button, form.Fields = "Use this passphrase", []Field{{Name: "passphrase", Label: "Recovery passphrase", Type: "password"}}
	return Section{Title: "Passphrase", Form: &form}
}

// WithSSHKey shows what to sign and takes the signature.
func WithSSHKey(form Form, statement, namespace string) Section {
	form.Button, form.Fields = "Use this signature", []Field{
		{Name: "signature", Label: "Signature", Hint: "From -----BEGIN SSH SIGNATURE----- to the end. Leave it empty to send a file.", Type: "textarea", Optional: true},
		{Name: "signature_file", Label: "Or the signature as a file", Type: "file", Optional: true},
	}
	return Section{
		Title: "SSH key", Text: []string{"Read what is to be signed:"}, Copy: statement,
		Steps: []Step{
			{Text: "In a terminal, sign it. Put the path of your own key at the end:", Command: signCommand(statement, namespace)},
			{Text: "Copy what it prints into “Signature”."},
		},
		Form: &form,
	}
}

// WithRecoveryKey shows what to sign and takes the proof.
func WithRecoveryKey(form Form, statement string) Section {
	form.Button, form.Fields = "Use this proof", []Field{
		{Name: "proof", Label: "Proof", Hint: "From -----BEGIN REGRANT PROOF----- to the end. Leave it empty to send a file.", Type: "textarea", Optional: true},
		{Name: "proof_file", Label: "Or the proof as a file", Type: "file", Optional: true},
	}
	return Section{
		Title: "Recovery key", Text: []string{"Save this text as statement.txt, and bring it to the machine where the key is. That machine needs no network:"}, Copy: statement,
		Steps: []Step{{Text: "Sign it there:", Command: "regrant proof sign --key recovery-key.txt statement.txt"}, {Text: "Copy what it prints into “Proof”, or send it as a file."}},
		Form:  &form,
	}
}

// WithConnection takes the certificate that the browser has shown already.
func WithConnection(form Form) Section {
	form.Button = "Use this device's certificate"
	return Section{Title: "This device", Text: []string{"Your browser has shown a certificate of this device."}, Form: &form}
}

// WithProgram says that a method needs the program on the enrolled device.
func WithProgram(issuer string) Section {
	return Section{
		Title: "Enrolled device", Text: []string{"An enrolled device proves by its own program, in a recovery that begins there:"},
		Command: "regrant device recover --issuer " + issuer + " --account you@example.com",
	}
}

// Proved ends the proving. With new codes the person goes on after writing them down.
func Proved(codes []Sheet, form Form) Page {
	p := NewCode(codes[0])
	for _, s := range codes[1:] {
		p.Codes = append(p.Codes, s.Codes...)
	}
	form.Button = "I have written it down: continue"
	p.Text = append([]string{"You have proved that the account is yours."}, p.Text...)
	p.Form, p.LeadsOn = &form, true
	return p
}

// Rehearsed ends a rehearsal.
func Rehearsed(account, reference string) Page {
	return Page{
		Title: "Recovery works",
		Text:  []string{"This was a rehearsal. With these proofs your account would have been recovered. Nothing was changed, and no code was used up."},
		Facts: []Fact{{"Account", account}, {"Reference", reference}},
	}
}

// What is wrong with a proof that cannot be read. Each is seen without looking at any account.
const (
	PasskeyUnread     = "The browser sent no passkey. Go back and try again."
	ProofUnread       = "This is not a proof as regrant proof sign prints it. Nothing was used up: go back and paste all of it."
	ConnectionMissing = "Your browser shows no certificate any more. Go back and choose another way."
	WayUnknown        = "This way to prove is not known."
	nothingUsed       = " Nothing was used up: go back and correct it."
)

// CodeMistyped is [CodeTypo] for a person who recovers.
func CodeMistyped(groups []int) string { return CodeTypo(groups) + nothingUsed }

// BadProof says what is wrong with a proof that cannot be read.
func BadProof(words string) Page {
	return Page{Title: "The proof cannot be read", Text: []string{words}}
}
