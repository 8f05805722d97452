package e2e_test

import (
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// The tests of this file try what users of other systems reported about keys of
// organisations and teams.

// A key goes on after its author has left, so that nobody's programs stop. The author
// may have kept a copy: the list names the author, and a rotation ends the copy.
func TestFieldTheAuthorOfAKeyLeaves(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		joins(s, org, bob, "admin")
		as, author := harness.Bearer(ada.Access), harness.Bearer(bob.Access)
		made := s.Do("POST", teamKeys(org), harness.J{"name": "n"}, author).Want(201)
		path := teamKeys(org) + "/" + made.String("id")
		uses := func(key string, want int) {
			t.Helper()
			if got := used(s.Auth, key); got != want {
				t.Errorf("the key answers %d, want %d", got, want)
			}
		}
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "member"}, as).Want(200)
		s.Do("DELETE", path, nil, author).Want(403, "auth/forbidden")
		s.Do("DELETE", memberAt(org, bob.ID), nil, as).Want(200)
		uses(made.String("key"), 200)
		s.Do("GET", teamKeys(org), nil, author).Want(404, "org/not-found")
		s.Do("POST", path+"/rotate", nil, author).Want(404, "org/not-found")
		if by := s.Do("GET", teamKeys(org), nil, as).Want(200).Items()[0]["createdBy"]; by != bob.ID {
			t.Errorf("the list names %v as the author", by)
		}
		next := s.Do("POST", path+"/rotate", harness.J{"overlap": 0}, as).Want(201)
		uses(made.String("key"), 401)
		uses(next.String("key"), 200)
	}, hostScopes)
}

// A list of keys whose author or organisation is no more is a list all the same.
func TestFieldTheAuthorOfAKeyIsDeleted(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, admin := verified(s, "ada@x.test"), verified(s, "bob@x.test"), s.Admin()
		org, gone := team(s, ada), team(s, ada)
		joins(s, org, bob, "admin")
		made := s.Do("POST", teamKeys(org), harness.J{"name": "n"}, harness.Bearer(bob.Access)).Want(201)
		teamKey(s, gone)
		s.Do("DELETE", organizations+"/"+gone, nil, harness.Bearer(ada.Access)).Want(200)
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: bob.ID}); err != nil {
			t.Fatal(err)
		}
		if err := s.Auth.Users.Purge(t.Context(), bob.ID); err != nil {
			t.Fatal(err)
		}
		list := s.Do("GET", teamKeys(org), nil, harness.Bearer(ada.Access)).Want(200).Items()
		if len(list) != 1 || list[0]["id"] != made.String("id") || list[0]["createdBy"] != nil {
			t.Errorf("the list is %v", list)
		}
		if got := used(s.Auth, made.String("key")); got != 200 {
			t.Errorf("the key answers %d", got)
		}
		if all := s.Do("GET", apiKeys, nil, harness.Bearer(admin.Access)).Want(200).Items(); len(all) != 2 {
			t.Errorf("administrators see %v", all)
		}
	}, hostScopes)
}

// A key gives nobody a role: a thief of the key stays where the key is.
func TestFieldAKeyRaisesNobody(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		joins(s, org, bob, "member")
		key := harness.Key(teamKey(s, org).Key)
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "owner"}, key).Want(401, "auth/unauthorized")
		s.Do("POST", teamKeys(org), harness.J{"name": "n"}, key).Want(401, "auth/unauthorized")
		s.Do("POST", apiKeys, harness.J{"name": "n", "type": "secret"}, key).Want(403)
		s.Do("PATCH", "/v1/users/"+bob.ID, harness.J{"role": "admin"}, key).Want(403, "user/forbidden")
		// Nor beside the token of a plain member.
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "owner"}, key, harness.Bearer(bob.Access)).Want(403)
	}, hostScopes, func(c *admit.Config) { c.APIKeys.OrganizationScopes = []string{"*:*"} })
}
