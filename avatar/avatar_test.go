package avatar

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/admit-go/admit"
)

// canvas is a picture whose left half is red and whose right half is blue. With
// hollow, one corner is transparent.
func canvas(w, h int, hollow bool) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{R: 255, A: 255}
			if x >= w/2 {
				c = color.NRGBA{B: 255, A: 255}
			}
			if hollow && x < w/4 && y < h/4 {
				c.A = 0
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

func pngOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := png.Encode(&out, m); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func jpegOf(t *testing.T, m image.Image) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// made prepares a picture and decodes the result.
func made(t *testing.T, data []byte, contentType string) (admit.AvatarPicture, image.Image) {
	t.Helper()
	p, err := new(Engine).Prepare(t.Context(), data, contentType)
	if err != nil {
		t.Fatal(err)
	}
	m, format, err := image.Decode(bytes.NewReader(p.Data))
	if err != nil || "image/"+format != p.ContentType {
		t.Fatalf("the result is %s, said to be %s, %v", format, p.ContentType, err)
	}
	return p, m
}

func isRed(c color.Color) bool  { r, _, b, _ := c.RGBA(); return r > 0xc000 && b < 0x4000 }
func isBlue(c color.Color) bool { r, _, b, _ := c.RGBA(); return b > 0xc000 && r < 0x4000 }

func TestAPictureIsMadeAnewAndSmall(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		data           []byte
		w, h           int
	}{
		{"wide", "image/png", "image/jpeg", pngOf(t, canvas(2000, 500, false)), 512, 128},
		{"tall", "image/jpeg", "image/jpeg", jpegOf(t, canvas(300, 1200, false)), 128, 512},
		{"transparent", "image/png", "image/png", pngOf(t, canvas(1024, 1024, true)), 512, 512},
		{"small", "image/png", "image/jpeg", pngOf(t, canvas(16, 9, false)), 16, 9},
		{"thin", "image/png", "image/jpeg", pngOf(t, canvas(5000, 2, false)), 512, 1},
	} {
		p, m := made(t, c.data, c.from)
		b := m.Bounds()
		if p.ContentType != c.to || b.Dx() != c.w || b.Dy() != c.h {
			t.Errorf("%s: %s of %dx%d", c.name, p.ContentType, b.Dx(), b.Dy())
		}
		if !isRed(m.At(b.Dx()/3, b.Dy()-1)) || !isBlue(m.At(b.Dx()-1, 0)) {
			t.Errorf("%s: the colours are %v and %v", c.name, m.At(b.Dx()/3, b.Dy()-1), m.At(b.Dx()-1, 0))
		}
	}
}

func TestAWebPPictureIsTaken(t *testing.T) {
	// A lossless WebP of one black pixel.
	data, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
	if err != nil {
		t.Fatal(err)
	}
	if _, m := made(t, data, "image/webp"); m.Bounds().Dx() != 1 {
		t.Errorf("the size is %v", m.Bounds())
	}
}

// AC-176: of an animated GIF the first frame counts, and no other is decoded.
func TestOfAnAnimatedGIFTheFirstFrameIsTaken(t *testing.T) {
	all := &gif.GIF{}
	for i := range 500 {
		frame := image.NewPaletted(image.Rect(0, 0, 40, 40), palette.WebSafe)
		c := color.RGBA{R: 255, A: 255}
		if i > 0 {
			c = color.RGBA{B: 255, A: 255}
		}
		for p := range 40 * 40 {
			frame.Set(p%40, p/40, c)
		}
		all.Image, all.Delay = append(all.Image, frame), append(all.Delay, 1)
	}
	var out bytes.Buffer
	if err := gif.EncodeAll(&out, all); err != nil {
		t.Fatal(err)
	}
	p, m := made(t, out.Bytes(), "image/gif")
	if p.ContentType != "image/jpeg" || !isRed(m.At(20, 20)) {
		t.Errorf("%s, %v", p.ContentType, m.At(20, 20))
	}
}

// exif returns an APP1 segment with an orientation, a position and a model.
func exif(orientation byte, bigEndian bool) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	tiff := []byte("II*\x00")
	if bigEndian {
		order, tiff = binary.BigEndian, []byte("MM\x00*")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 2)
	for _, entry := range [][]uint16{{0x010f, 2}, {0x0112, 3}} {
		tiff = order.AppendUint16(order.AppendUint16(tiff, entry[0]), entry[1])
		tiff = order.AppendUint32(tiff, 1)
		tiff = order.AppendUint16(order.AppendUint16(tiff, uint16(orientation)), 0)
	}
	tiff = append(tiff, "GPS 52.5200N 13.4050E Canary-Camera"...)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	return append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(segment)+2)), segment...)
}

// AC-176: the orientation is applied, and nothing of the metadata is left.
func TestTheOrientationIsAppliedAndTheMetadataIsGone(t *testing.T) {
	plain := jpegOf(t, canvas(64, 32, false))
	for orientation, red := range map[byte]image.Point{
		1: {X: 4, Y: 16}, 2: {X: 60, Y: 16}, 3: {X: 60, Y: 16}, 4: {X: 4, Y: 16}, 5: {X: 16, Y: 4}, 6: {X: 16, Y: 4}, 7: {X: 16, Y: 60}, 8: {X: 16, Y: 60},
		0: {X: 4, Y: 16}, 9: {X: 4, Y: 16},
	} {
		for _, bigEndian := range []bool{false, true} {
			data := append(append(bytes.Clone(plain[:2]), exif(orientation, bigEndian)...), plain[2:]...)
			p, m := made(t, data, "image/jpeg")
			if !isRed(m.At(red.X, red.Y)) {
				t.Errorf("orientation %d: %v at %v of %v", orientation, m.At(red.X, red.Y), red, m.Bounds())
			}
			for _, left := range []string{"Exif", "GPS", "Canary"} {
				if bytes.Contains(p.Data, []byte(left)) {
					t.Errorf("orientation %d: %q is left", orientation, left)
				}
			}
		}
	}
}

func TestABrokenOrientationIsIgnored(t *testing.T) {
	whole := append([]byte{0xff, 0xd8}, exif(6, true)...)
	for end := range whole {
		orientation(whole[:end]) // no panic
	}
	for at := range whole {
		for _, value := range []byte{0, 0x7f, 0xff} {
			broken := bytes.Clone(whole)
			broken[at] = value
			orientation(broken)
		}
	}
}

// withSize is a PNG whose header says another size than its data.
func withSize(data []byte, w, h uint32) []byte {
	data = bytes.Clone(data)
	binary.BigEndian.PutUint32(data[16:], w)
	binary.BigEndian.PutUint32(data[20:], h)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

// AC-176: nothing but a picture of the type that was asked for is taken.
func TestWhatIsNoPictureIsRefused(t *testing.T) {
	good, photo := pngOf(t, canvas(64, 64, false)), jpegOf(t, canvas(64, 64, false))
	for name, c := range map[string]struct {
		data        []byte
		contentType string
	}{
		"nothing":                  {nil, "image/png"},
		"text":                     {[]byte("hello"), "image/png"},
		"SVG":                      {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), "image/svg+xml"},
		"SVG as PNG":               {[]byte(`<?xml version="1.0"?><svg onload="alert(1)"/>`), "image/png"},
		"HTML as PNG":              {[]byte("<!doctype html><script>alert(1)</script>"), "image/png"},
		"HTML behind a PNG header": {append(bytes.Clone(good[:8]), "<script>alert(1)</script>"...), "image/png"},
		"GIF that is JavaScript":   {[]byte("GIF89a=1/*\x00\x00*/;alert(1)//"), "image/gif"},
		"a PNG as JPEG":            {good, "image/jpeg"},
		"a JPEG as PNG":            {photo, "image/png"},
		"no type":                  {good, ""},
		"cut PNG":                  {good[:len(good)/2], "image/png"},
		"cut JPEG":                 {photo[:len(photo)/2], "image/jpeg"},
		"a header alone":           {photo[:3], "image/jpeg"},
		"100 megapixels":           {withSize(good, 10_000, 10_000), "image/png"},
		"20 000 x 20 000":          {withSize(good, 20_000, 20_000), "image/png"},
		"a product that overflows": {withSize(good, 1<<31-1, 1<<31-1), "image/png"},
		"no width":                 {withSize(good, 0, 64), "image/png"},
		"WebP of no chunk":         {[]byte("RIFF\x04\x00\x00\x00WEBPxxxx"), "image/webp"},
		"TIFF":                     {[]byte("II*\x00\x08\x00\x00\x00"), "image/tiff"},
		"BMP":                      {[]byte("BM\x00\x00\x00\x00"), "image/bmp"},
	} {
		if p, err := new(Engine).Prepare(t.Context(), c.data, c.contentType); err == nil || p.Data != nil {
			t.Errorf("%s was taken: %s, %v", name, p.ContentType, err)
		}
	}
}

// AC-176: a header that promises many pixels is refused before any is decoded.
func TestABombCostsNoMemory(t *testing.T) {
	bomb := withSize(pngOf(t, canvas(64, 64, false)), 20_000, 20_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := new(Engine).Prepare(t.Context(), bomb, "image/png")
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errTooLarge) || after.TotalAlloc-before.TotalAlloc > 1<<20 {
		t.Errorf("%v, after %d bytes", err, after.TotalAlloc-before.TotalAlloc)
	}
}

// What stands behind or inside a picture is gone.
func TestAPolyglotLosesWhatIsNoPicture(t *testing.T) {
	const script = "<script>canary(1)</script>"
	plain := pngOf(t, canvas(64, 64, false))
	text := append([]byte("tEXt"), "Comment\x00"+script...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(text)-4))
	chunk = binary.BigEndian.AppendUint32(append(chunk, text...), crc32.ChecksumIEEE(text))
	inside := append(append(bytes.Clone(plain[:33]), chunk...), plain[33:]...)
	photo := jpegOf(t, canvas(64, 64, false))
	for name, c := range map[string]struct {
		data        []byte
		contentType string
	}{
		"behind a PNG": {append(bytes.Clone(plain), script...), "image/png"}, "inside a PNG": {inside, "image/png"},
		"behind a JPEG": {append(bytes.Clone(photo), script...), "image/jpeg"},
	} {
		if p, _ := made(t, c.data, c.contentType); bytes.Contains(p.Data, []byte("canary")) {
			t.Errorf("%s: the script is left", name)
		}
	}
}

// printed is a JPEG of 8 by 8 pixels with four colours, as for a printer. Each
// colour has one block of zeros: two bits.
func printed() []byte {
	var out bytes.Buffer
	out.WriteString("\xff\xd8\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00")
	out.WriteString("\xff\xdb\x00\x43\x00" + strings.Repeat("\x01", 64))
	out.WriteString("\xff\xc0\x00\x14\x08\x00\x08\x00\x08\x04\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00")
	for _, table := range []string{"\x00", "\x10"} {
		out.WriteString("\xff\xc4\x00\x14" + table + "\x01" + strings.Repeat("\x00", 15) + "\x00")
	}
	out.WriteString("\xff\xda\x00\x0e\x04\x01\x00\x02\x00\x03\x00\x04\x00\x00\x3f\x00\x00\xff\xd9")
	return out.Bytes()
}

func TestACMYKPictureIsTaken(t *testing.T) {
	data := printed()
	config, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil || config.ColorModel != color.CMYKModel {
		t.Fatalf("the picture is %v, %v", config, err)
	}
	if p, m := made(t, data, "image/jpeg"); p.ContentType != "image/jpeg" || m.ColorModel() != color.YCbCrModel {
		t.Errorf("made %s", p.ContentType)
	}
}

func TestAPanicOfADecoderIsAnError(t *testing.T) {
	f := format{config: func(io.Reader) (image.Config, error) { panic("index out of range") }}
	if _, err := prepare(t.Context(), f, nil); err == nil || !strings.Contains(err.Error(), "panicked") {
		t.Errorf("got %v", err)
	}
}

func TestDecodingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := new(Engine).Prepare(ctx, pngOf(t, canvas(64, 64, false)), "image/png"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	e := &Engine{}
	e.once.Do(func() { e.busy = make(chan struct{}, 1) })
	e.busy <- struct{}{}
	if _, err := e.Prepare(ctx, pngOf(t, canvas(64, 64, false)), "image/png"); !errors.Is(err, context.Canceled) {
		t.Errorf("behind another picture: %v", err)
	}
}

func FuzzPrepare(f *testing.F) {
	var out bytes.Buffer
	_ = png.Encode(&out, canvas(8, 8, true))
	f.Add(out.Bytes())
	out.Reset()
	_ = jpeg.Encode(&out, canvas(8, 8, false), nil)
	f.Add(append(append(bytes.Clone(out.Bytes()[:2]), exif(6, true)...), out.Bytes()[2:]...))
	f.Add([]byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, contentType := range []string{"image/jpeg", "image/png", "image/gif", "image/webp"} {
			p, err := new(Engine).Prepare(t.Context(), data, contentType)
			if err != nil {
				continue
			}
			config, format, err := image.DecodeConfig(bytes.NewReader(p.Data))
			if err != nil || "image/"+format != p.ContentType || config.Width > size || config.Height > size {
				t.Errorf("made %s of %dx%d, %v", format, config.Width, config.Height, err)
			}
		}
	})
}
