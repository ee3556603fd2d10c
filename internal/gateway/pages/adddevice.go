package pages

import "time"

// DeviceKinds are where the program makes the key of a device: in a file, in the TPM of the machine, or in whichever of them a person likes.
type DeviceKinds struct{ File, TPM bool }

// AddDevice offers to add a device.
func AddDevice(kinds DeviceKinds, form Form) Section {
	method, purpose := "device-certificate", "A computer on which the program regrant makes a key, in a file or in its TPM."
	switch {
	case !kinds.TPM:
		purpose = "A computer on which the program regrant makes a key."
	case !kinds.File:
		method, purpose = "tpm", "A computer in whose TPM the program regrant makes a key."
	}
	s := Add(method, false, form)
	s.Text = []string{purpose + " Nothing has to be kept or remembered."}
	return s
}

// NewDevice is a device to come.
type NewDevice struct {
	Issuer, Account string
	Code            string // to activate it
	Until           time.Time
	Next            string // address of the page to go on with
	Kinds           DeviceKinds
}

// AddingDevice shows an activation code and what to do with it. The code is not in the command: there, everybody on that machine
// could read it.
func AddingDevice(d NewDevice) Page {
	return Page{
		Title: "Add a device",
		Text: []string{
			"This code is shown only now, and is good for one device. Tell it to nobody: nobody who helps you needs it.",
		},
		Facts: []Fact{{"Account", d.Account}, {"The code is good until", moment(d.Until, "")}},
		Steps: append(
			d.commands(),
			Step{"It asks for the activation code:", d.Code},
			Step{"It then prints a fingerprint. Come back to this browser before the code ends, go on below, and compare. Until you confirm it, the device counts for nothing.", ""},
		),
		Way: &Link{"Go on: compare the fingerprint", d.Next},
	}
}

// commands are those with which a key can be made, one of which is to be run.
func (d NewDevice) commands() []Step {
	command := "regrant device enroll --issuer " + d.Issuer
	file := Step{"On the device, open a terminal and run this command. It makes a key that stays on that device.", command}
	chip := Step{"On the device, which has a TPM 2.0 and Linux, open a terminal and run this command. It makes a key in the TPM, which it cannot leave.", command + " --tpm"}
	switch {
	case !d.Kinds.TPM:
		return []Step{file}
	case !d.Kinds.File:
		return []Step{chip}
	}
	chip.Text = "Or, if the device has a TPM 2.0 and Linux, run this one in its place. It makes the key in the TPM, which it cannot leave."
	return []Step{file, chip}
}

// WaitingDevice is a device that its owner has to confirm.
type WaitingDevice struct {
	Label, Fingerprint string
	BoundAt, Before    time.Time
	Own                bool // this sign-in made its code, and can confirm it
	Mine, NotMine      Form
}

// WaitingDevices asks about each.
func WaitingDevices(list []WaitingDevice, again string, all Link) Page {
	if len(list) == 0 {
		return Page{
			Title: "No device waits for you",
			Text: []string{
				"Either the command was not run yet, or the device is settled: then it is in your list, or it was not confirmed in time. Run the command first, and look again.",
			},
			Way: &Link{"Look again", again},
		}
	}
	p := Page{
		Title: "Is this your device?",
		Text: []string{
			"Compare each fingerprint, sign by sign, with the one that is printed on the device before you. If it is another one, somebody else has used your code.",
		},
		Way: &all,
	}
	for _, d := range list {
		p.Sections = append(p.Sections, d.ask()...)
	}
	return p
}

func (d *WaitingDevice) ask() []Section {
	d.Mine.Button, d.NotMine.Button, d.NotMine.Quiet = "It is the same: confirm "+d.Label, "It is not mine: "+d.Label, true
	came := []string{"It came at " + moment(d.BoundAt, "") + ", and has to be confirmed before " + moment(d.Before, "") + "."}
	not := Section{Title: "If it is not yours", Text: []string{"It is turned away for good, and you are told of it."}, Form: &d.NotMine}
	if !d.Own {
		came = append(came, "Its code was made in another sign-in, and only there can it be confirmed.")
		return []Section{{Title: d.Label, Text: came, Copy: d.Fingerprint}, not}
	}
	return []Section{{Title: d.Label, Text: came, Copy: d.Fingerprint, Form: &d.Mine}, not}
}

// Disowned says that a device was turned away.
func Disowned(list Link) Page {
	return Page{
		Title: "The device was turned away",
		Text: []string{
			"It can never recover your account. Somebody has seen your activation code: look who can see your screen, and whether this computer is yours alone. Then add your device with a new code.",
		},
		Way: &list,
	}
}

// Nameless says that an account has no name by which to recover it.
func Nameless(list Link) Page {
	return Page{
		Title: "A device cannot be added here",
		Text:  []string{"The sign-in service tells no name by which your account could be recovered. Ask your administrator for an activation code."},
		Way:   &list,
	}
}
