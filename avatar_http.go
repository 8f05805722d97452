package admit

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/admit-go/admit/internal/webio"
)

// This file has the routes of avatar.go.

// avatarDoors are the routes of pictures.
type avatarDoors struct {
	*kernel
	avatars *Avatars
}

func (d *avatarDoors) feature() feature {
	return feature{
		name:  "avatars",
		holds: holding{nothing: "the pictures behind the routes hold it"},
		routes: []route{
			{method: http.MethodPost, path: avatarPath + "/upload-url", who: selfOrAdmin, scope: "users:write", ownKeys: true, serve: d.handleUploadURL},
			{method: http.MethodPatch, path: avatarPath, who: selfOrAdmin, scope: "users:write", ownKeys: true, serve: d.handleSet},
			{method: http.MethodDelete, path: avatarPath, who: selfOrAdmin, scope: "users:write", ownKeys: true, serve: d.handleRemove},
			{method: http.MethodPut, path: uploadPath + "/{ticket}", who: anyone, exchanges: true, vouched: true, streams: true, serve: d.handleUpload},
			{method: http.MethodGet, path: picturesPath + "/{key}", who: anyone, exchanges: true, navigated: true, cacheable: true, serve: d.handlePicture},
			{method: http.MethodGet, path: picturesPath + "/users/{userId}", who: anyone, exchanges: true, navigated: true, cacheable: true, serve: d.handlePictureOf},
		},
	}
}

type uploadURLInput struct {
	Filename    string `json:"filename"`
	ContentType string `json:"contentType"`
}

type uploadURLBody struct {
	URL       string        `json:"url"`
	UploadURL string        `json:"uploadUrl"`
	Key       string        `json:"key"`
	ExpiresAt webio.Instant `json:"expiresAt"`
}

func (d *avatarDoors) handleUploadURL(w http.ResponseWriter, r *http.Request) error {
	var in uploadURLInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	upload, err := d.avatars.RequestUpload(r.Context(), AvatarUploadParams{UserID: r.PathValue("userId"), ContentType: in.ContentType, Filename: in.Filename})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, uploadURLBody{upload.URL, upload.UploadURL, upload.Key, webio.Instant(upload.ExpiresAt)})
}

type setAvatarInput struct {
	Key string `json:"s3Key"`
}

type avatarBody struct {
	Image string `json:"image"`
}

func (d *avatarDoors) handleSet(w http.ResponseWriter, r *http.Request) error {
	var in setAvatarInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	url, err := d.avatars.Set(r.Context(), SetAvatarParams{UserID: r.PathValue("userId"), Picture: in.Key})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, avatarBody{url})
}

func (d *avatarDoors) handleRemove(w http.ResponseWriter, r *http.Request) error {
	if err := d.avatars.Remove(r.Context(), r.PathValue("userId")); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The picture was removed."))
}

// handleUpload reads the bytes only after it has looked at the ticket.
func (d *avatarDoors) handleUpload(w http.ResponseWriter, r *http.Request) error {
	ticket := r.PathValue("ticket")
	contentType, err := d.avatars.mayUpload(r.Context(), ticket)
	if err != nil {
		return err
	}
	if given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || given != contentType {
		return ErrInvalidRequest.detail("contentType", "must be "+contentType)
	}
	if r.ContentLength > maxUpload {
		return errLargePicture()
	}
	// A writer that knows no deadline leaves the time limit to the server.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTimeout))
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxUpload))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return errLargePicture()
	}
	if err != nil {
		return ErrInvalidRequest.because(err)
	}
	ctx, cancel := afresh(r.Context(), 2*uploadTimeout)
	defer cancel()
	if err := d.avatars.Upload(ctx, AvatarBytes{Ticket: ticket, Data: data}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The picture was uploaded."))
}

func (d *avatarDoors) handlePicture(w http.ResponseWriter, r *http.Request) error {
	picture, err := d.avatars.Picture(r.Context(), r.PathValue("key"))
	if err != nil {
		return err
	}
	writePicture(w, picture)
	return nil
}

func (d *avatarDoors) handlePictureOf(w http.ResponseWriter, r *http.Request) error {
	picture, err := d.avatars.Of(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	writePicture(w, picture)
	return nil
}

// writePicture answers with a picture that runs nothing, wherever it is opened.
func writePicture(w http.ResponseWriter, p AvatarPicture) {
	ends := map[string]string{"image/jpeg": "jpg", "image/png": "png", "image/svg+xml": "svg"}
	h := w.Header()
	h.Set("Content-Type", p.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(p.Data)))
	h.Set("Content-Disposition", `inline; filename="avatar.`+ends[p.ContentType]+`"`)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(p.Data)
}
