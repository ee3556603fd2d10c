package main

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the width of the empty margin around a QR code (ISO/IEC 18004 section 9.1), in modules.
const quiet = 4

// qrCode is a QR code as rows of dark (true) and light modules, without its margin.
type qrCode [][]bool

// newQRCode encodes a text so that it can still be read with a seventh of it lost.
func newQRCode(text string) (qrCode, error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return nil, err
	}
	bounds := code.Bounds()
	rows := make(qrCode, bounds.Dy())
	for y := range rows {
		rows[y] = make([]bool, bounds.Dx())
		for x := range rows[y] {
			dark, _, _, _ := code.At(x, y).RGBA()
			rows[y][x] = dark == 0
		}
	}
	return rows, nil
}

// Size is the width and height with the margin.
func (q qrCode) Size() int { return len(q) + 2*quiet }

// Path is the dark modules as the path of an SVG, a unit each.
func (q qrCode) Path() string {
	var b strings.Builder
	for y, row := range q {
		for x, dark := range row {
			if dark {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return b.String()
}
