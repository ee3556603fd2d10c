package main

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What is printed is what a camera reads: zbarimg, a reader of others, sees the text of the key file in the QR code.
func TestQRCodeHoldsTheKeyFile(t *testing.T) {
	if _, err := exec.LookPath("zbarimg"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("zbarimg (of zbar-tools) is not installed")
		}
		t.Skip("zbarimg (of zbar-tools) is not installed")
	}
	d := newDesk(t)
	for _, arguments := range [][]string{nil, {"--passphrase"}} {
		d.dir, d.typed = t.TempDir(), "correct horse\ncorrect horse\n"
		d.mustMake(arguments...)
		code, err := newQRCode(d.read("key.txt"))
		if err != nil {
			t.Fatal(err)
		}
		draw(t, code, d.file("code.png"))
		out, err := exec.Command("zbarimg", "--quiet", "--raw", d.file("code.png")).Output()
		if err != nil || strings.TrimSuffix(string(out), "\n") != d.read("key.txt") {
			t.Errorf("%v: read %q, %v", arguments, out, err)
		}
		if !strings.Contains(d.read("sheet.html"), code.Path()) {
			t.Error("the sheet has another code")
		}
	}
}

// draw paints a code, eight dots a module, as the sheet shows it.
func draw(t *testing.T, code qrCode, file string) {
	t.Helper()
	const dots = 8
	picture := image.NewGray(image.Rect(0, 0, code.Size()*dots, code.Size()*dots))
	for y := range picture.Rect.Dy() {
		for x := range picture.Rect.Dx() {
			row, column := y/dots-quiet, x/dots-quiet
			dark := row >= 0 && row < len(code) && column >= 0 && column < len(code) && code[row][column]
			if !dark {
				picture.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, picture); err != nil {
		t.Fatal(err)
	}
}

func TestSheetSaysWhatItIsToEverybody(t *testing.T) {
	d := newDesk(t)
	d.mustMake()
	page := d.read("sheet.html")
	for _, part := range []string{
		`<html lang="en">`, "<title>Recovery key for https://id.example.com/recovery</title>", `role="img" aria-label="`, "@media print", "@page",
		proofIssuer, mustLoad(t, d).did, "<pre>" + d.read("key.txt")[:20], "Keep it as you keep a passport",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the sheet has no %q", part)
		}
	}
	for _, part := range []string{"http://", "<script", "<link", "src=", "url("} { // it is opened where there is no network
		if strings.Contains(page, part) {
			t.Errorf("the sheet has %q", part)
		}
	}
}
