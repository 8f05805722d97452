// Package avatar makes small, safe pictures of what people upload. It decodes JPEG,
// PNG, GIF and WebP, and encodes a new JPEG or PNG. A host without it links no
// decoder of pictures.
package avatar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"sync"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/admit-go/admit"
)

const (
	// maxPixels is the greatest number of pixels of an uploaded picture.
	maxPixels = 40_000_000
	// size is the greatest width and height of the new picture.
	size = 512
	// quality is that of a JPEG, of 100.
	quality = 85
)

var (
	errNoPicture = errors.New("avatar: the bytes are no JPEG, PNG, GIF or WebP picture")
	errOtherType = errors.New("avatar: the picture is of another type than the upload was asked for")
	errTooLarge  = errors.New("avatar: the picture has more than 40 million pixels")
)

// Engine is an admit.AvatarEngine. Use one Engine in a process: it makes one picture
// at a time, because a large picture takes some 300 MB of memory. The zero Engine is
// ready.
type Engine struct {
	once sync.Once
	busy chan struct{}
}

var _ admit.AvatarEngine = (*Engine)(nil)

// format is a type of picture, and how its files begin.
type format struct {
	contentType string
	is          func(data []byte) bool
	config      func(io.Reader) (image.Config, error)
	decode      func(io.Reader) (image.Image, error)
}

func formats() []format {
	begins := func(with string) func([]byte) bool {
		return func(data []byte) bool { return bytes.HasPrefix(data, []byte(with)) }
	}
	return []format{
		{"image/jpeg", begins("\xff\xd8\xff"), jpeg.DecodeConfig, jpeg.Decode},
		{"image/png", begins("\x89PNG\r\n\x1a\n"), png.DecodeConfig, png.Decode},
		// Decode of package gif stops after the first frame.
		{"image/gif", func(data []byte) bool { return begins("GIF87a")(data) || begins("GIF89a")(data) }, gif.DecodeConfig, gif.Decode},
		{"image/webp", func(data []byte) bool {
			return begins("RIFF")(data) && len(data) > 12 && string(data[8:12]) == "WEBP"
		}, webp.DecodeConfig, webp.Decode},
	}
}

// Prepare implements admit.AvatarEngine. The new picture fits into a square of 512
// pixels and is turned as the camera was held. It is a PNG if a part of it is
// transparent, else a JPEG.
func (e *Engine) Prepare(ctx context.Context, data []byte, contentType string) (admit.AvatarPicture, error) {
	for _, f := range formats() {
		if !f.is(data) {
			continue
		}
		if f.contentType != contentType {
			return admit.AvatarPicture{}, errOtherType
		}
		e.once.Do(func() { e.busy = make(chan struct{}, 1) })
		select {
		case e.busy <- struct{}{}:
		case <-ctx.Done():
			return admit.AvatarPicture{}, ctx.Err()
		}
		defer func() { <-e.busy }()
		return prepare(ctx, f, data)
	}
	return admit.AvatarPicture{}, errNoPicture
}

// prepare turns a panic of a decoder into an error.
func prepare(ctx context.Context, f format, data []byte) (made admit.AvatarPicture, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			made, err = admit.AvatarPicture{}, fmt.Errorf("avatar: decoding panicked: %v", cause)
		}
	}()
	config, err := f.config(&until{ctx, bytes.NewReader(data)})
	if err != nil {
		return made, fmt.Errorf("avatar: %w", err)
	}
	if config.Width <= 0 || config.Height <= 0 || config.Width > maxPixels || config.Height > maxPixels || config.Width*config.Height > maxPixels {
		return made, errTooLarge
	}
	whole, err := f.decode(&until{ctx, bytes.NewReader(data)})
	if err != nil {
		return made, fmt.Errorf("avatar: %w", err)
	}
	if bounds := whole.Bounds(); bounds.Empty() || bounds.Dx() > config.Width || bounds.Dy() > config.Height {
		return made, errNoPicture
	}
	small := shrink(whole)
	if f.contentType == "image/jpeg" {
		small = turn(small, orientation(data))
	}
	if err := ctx.Err(); err != nil {
		return made, err
	}
	var out bytes.Buffer
	if small.Opaque() {
		made.ContentType = "image/jpeg"
		err = jpeg.Encode(&out, small, &jpeg.Options{Quality: quality})
	} else {
		made.ContentType = "image/png"
		err = png.Encode(&out, small)
	}
	made.Data = out.Bytes()
	return made, err
}

// until reads until a context ends. Decoders cannot be stopped otherwise.
type until struct {
	ctx  context.Context
	data *bytes.Reader
}

func (u *until) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.data.Read(p)
}

// shrink returns a picture that fits into the square. A small picture keeps its
// size.
func shrink(from image.Image) *image.RGBA {
	bounds := from.Bounds()
	w, h := bounds.Dx(), bounds.Dy()
	if longer := max(w, h); longer > size {
		w, h = max(w*size/longer, 1), max(h*size/longer, 1)
	}
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.BiLinear.Scale(to, to.Bounds(), from, bounds, draw.Src, nil)
	return to
}
