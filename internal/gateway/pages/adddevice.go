package pages

import "time"

// AddDevice offers to add a device.
func AddDevice(form Form) Section {
	s := Add("device-certificate", false, form)
	s.Text = []string{"A computer on which the program regrant makes a key. Nothing has to be kept or remembered."}
	return s
}

// AddingDevice shows an activation code and what to do with it. The code is not in the command: there, everybody on that machine
// could read it.
func AddingDevice(issuer, account, code string, until time.Time, next string) Page {
	return Page{
		Title: "Add a device",
		Text: []string{
			"This code is shown only now, and is good for one device. Tell it to nobody: nobody who helps you needs it.",
		},
		Facts: []Fact{{"Account", account}, {"The code is good until", moment(until, "")}},
		Steps: []Step{
			{"On the device, open a terminal and run this command. It makes a key that stays on that device.", "regrant device enroll --issuer " + issuer},
			{"It asks for the activation code:", code},
			{"It then prints a fingerprint. Come back to this browser before the code ends, go on below, and compare. Until you confirm it, the device counts for nothing.", ""},
		},
		Way: &Link{"Go on: compare the fingerprint", next},
	}
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
