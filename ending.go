package admit

import (
	"time"
)

// deviceLife is how long a device stays known.
const deviceLife = 180 * 24 * time.Hour

// The kinds of one-time token. A token of one kind is nothing anywhere else.
const (
	// kindVerify proves the account's current address.
	kindVerify = "verify"
	// kindChange proves the address that an account moves to.
	kindChange = "change"
	// kindUndo takes a change of address back.
	kindUndo = "undo"
	// kindReset sets a new password.
	kindReset = "reset"
	// kindMagic signs in; kindCode is the same by a short code.
	kindMagic = "magic"
	kindCode  = "code"
	// kindTicket waits for a second factor, kindOAuth for the browser that
	// comes back from a provider.
	kindTicket = "mfa-ticket"
	kindOAuth  = "oauth-result"
	// kindOAuthState is a redirect to a provider that has not come back. kindOAuthName
	// is the name that Apple posts with it, kindOAuthSeen marks a credential or a
	// notice that was taken.
	kindOAuthState = "oauth-state"
	kindOAuthName  = "oauth-name"
	kindOAuthSeen  = "oauth-seen"
	// kindCeremony waits for the answer of a passkey.
	kindCeremony = "passkey-ceremony"
	// kindAvatar uploads one picture.
	kindAvatar = "avatar-upload"
	// kindDevice opens nothing: it marks a device that an account has signed in
	// from, so that an unknown one can be told of.
	kindDevice = "device"
	// kindContest opens nothing either: it marks an account that a second
	// sign-up has contested while nobody had proven its address.
	kindContest = "contest"
	// kindRecovery stands in for a second factor, once.
	kindRecovery = "recovery-code"
	// kindStartOver retires an account whose second factor its owner cannot
	// present, and gives an empty one.
	kindStartOver = "start-over"
	// kindRestore takes the deletion of an account back.
	kindRestore = "restore"
	// kindClient opens nothing either: it marks a client address that an account
	// has signed in from, which has a budget of its own.
	kindClient = "client"
)

// kindRemembered are the tokens, and the records, of devices that need no second
// factor. The token is not used up.
const kindRemembered = "mfa-device"

// userRef is the ref of all records of an account.
func userRef(userID string) string { return "user/" + userID }

// happening is something after which pending tokens may be worth nothing.
type happening string

const (
	afterReset         happening = "password reset"
	afterChange        happening = "password change"
	afterFactor        happening = "factor change"
	afterAddressChange happening = "address change"
	afterUndo          happening = "address change undone"
	afterBan           happening = "ban"
	afterDelete        happening = "deletion"
	afterSignOutAll    happening = "sign-out everywhere"
	afterClaim         happening = "proof of the mailbox by its owner"
	afterContest       happening = "confirmation of a contested account"
	afterNewVerify     happening = "new verification link"
	afterNewReset      happening = "new reset link"
	afterNewMagic      happening = "new magic link"
	afterNewChange     happening = "new address change"
	afterPasskeyChange happening = "passkey added or removed"
	afterUnlink        happening = "provider unlinked"
	afterRestore       happening = "account restored"
)

// killed is the table of the tokens that each happening ends. An undo outlives a
// reset and a change of password, because a thief of an account could ask for
// both. Signing out everywhere leaves the tokens that give no session.
func killed(h happening) []string {
	switch h {
	case afterReset, afterChange, afterFactor, afterAddressChange:
		return []string{kindVerify, kindReset, kindMagic, kindCode, kindChange, kindTicket, kindCeremony, kindOAuth, kindOAuthState, kindStartOver, kindAvatar}
	case afterBan, afterDelete, afterClaim, afterUndo:
		return []string{kindVerify, kindReset, kindMagic, kindCode, kindChange, kindUndo, kindTicket, kindCeremony, kindOAuth, kindOAuthState, kindStartOver, kindClient, kindAvatar}
	case afterContest: // the confirmation itself may be repeated
		return []string{kindReset, kindMagic, kindCode, kindChange, kindUndo, kindTicket, kindCeremony, kindOAuth, kindOAuthState, kindStartOver, kindClient, kindAvatar}
	case afterSignOutAll:
		return []string{kindMagic, kindCode, kindChange, kindTicket, kindCeremony, kindOAuth, kindOAuthState, kindStartOver, kindAvatar}
	case afterNewVerify:
		return []string{kindVerify}
	case afterNewReset:
		return []string{kindReset}
	case afterNewMagic:
		return []string{kindMagic, kindCode}
	case afterPasskeyChange:
		return []string{kindTicket, kindCeremony, kindStartOver}
	case afterUnlink:
		return []string{kindOAuth, kindOAuthState}
	case afterNewChange:
		return []string{kindChange}
	case afterRestore:
		return []string{kindRestore}
	}
	return nil
}

// forgets says whether the devices that need no second factor are forgotten,
// too: after whatever may have been done because somebody else had the password,
// the factor, the mailbox or the device.
func forgets(h happening) bool {
	switch h {
	case afterReset, afterChange, afterFactor, afterPasskeyChange, afterBan, afterDelete, afterClaim, afterUndo, afterContest, afterSignOutAll:
		return true
	}
	return false
}

// Why sessions end.
const (
	endedBySignOut  = "signed-out"
	endedByOwner    = "revoked"
	endedByReuse    = "reuse"
	endedByFork     = "unknown-generation"
	endedByLimit    = "too-many-sessions"
	endedByAgain    = "signed-in-again"
	endedByRestore  = "issued-before"
	endedByPassword = "password"
	endedByDelete   = "deleted"
	endedByClaim    = "claimed"
	endedByUndo     = "address-undone"
	endedByBan      = "banned"
	endedByFactor   = "factor"
	endedByProvider = "provider"
)
