package admit

import "context"

// AvatarPicture is a picture that is safe to be shown.
type AvatarPicture struct {
	// Data is a whole file.
	Data []byte
	// ContentType is "image/jpeg" or "image/png".
	ContentType string
}

// AvatarEngine makes the pictures of people. avatar.Engine of the package
// github.com/admit-go/admit/avatar is one.
type AvatarEngine interface {
	// Prepare makes a new, small picture of the bytes that a client has sent, which
	// say to be of a content type. Nothing of the bytes but the colours of the
	// picture may be in the answer. Prepare returns an error for anything that is no
	// picture of the type. It ends with ctx.
	Prepare(ctx context.Context, data []byte, contentType string) (AvatarPicture, error)
}
