package totp

import (
	pictures "image"
	"image/color"

	"github.com/boombuler/barcode"
)

// dark tells whether a module of a code is dark.
func dark(code barcode.Barcode, x, y int) bool {
	at := code.Bounds().Min
	gray, ok := color.Gray16Model.Convert(code.At(at.X+x, at.Y+y)).(color.Gray16)
	return ok && gray.Y < 0x8000
}

// image draws a code in two colours, with its quiet zone.
func image(code barcode.Barcode) *pictures.Paletted {
	size := code.Bounds().Dx()
	side := (size + 2*quietZone) * moduleSize
	picture := pictures.NewPaletted(pictures.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range size {
		for x := range size {
			if !dark(code, x, y) {
				continue
			}
			for i := range moduleSize {
				row := picture.Pix[((y+quietZone)*moduleSize+i)*picture.Stride:]
				for j := range moduleSize {
					row[(x+quietZone)*moduleSize+j] = 1
				}
			}
		}
	}
	return picture
}
