// Package commonpassword recognises passwords that are easy to guess: common
// passwords, and passwords that are little more than known facts about their
// owner.
package commonpassword

import (
	_ "embed"
	"strings"
	"unicode/utf8"
)

// list has one password per line: ASCII, lower case, sorted by bytes. It is
// searched inside the program's data, so it needs no other memory.
//
//go:embed list.txt
var list string

const (
	// longest is the length of the longest line of the list.
	longest = 32
	// shortestWord is the smallest number of characters of a word that is
	// looked for.
	shortestWord = 4
	// padding is the number of further characters with which a password still
	// counts as the word.
	padding = 4
	// longestWord is the greatest length of a word in bytes. No e-mail address
	// and no name is longer.
	longestWord = 1024
)

// Contains reports whether the password is on the list. Case does not matter. A
// long password is not on the list and needs no search.
func Contains(password string) bool {
	if len(password) > longest || password == "" {
		return false
	}
	var buffer [longest]byte
	for i := range len(password) {
		b := password[i]
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buffer[i] = b
	}
	wanted := buffer[:len(password)]
	low, high := 0, len(list)
	for low < high {
		// low and high are starts of lines, so start is one too.
		middle := (low + high) / 2
		start := low + strings.LastIndexByte(list[low:middle], '\n') + 1
		end := start + strings.IndexByte(list[start:], '\n')
		switch line := list[start:end]; {
		case line == string(wanted):
			return true
		case line < string(wanted):
			low = end + 1
		default:
			high = start
		}
	}
	return false
}

// Contextual reports whether the password is one of the words, or one of the
// words with at most four more characters. Case does not matter. The words are
// facts that others know or guess: the address, the name, the name of the site.
// The local part of an address and each part of a name count as words too. A
// text of fewer than four characters is no word.
func Contextual(password string, words ...string) bool {
	if len(password) > longestWord+padding*utf8.UTFMax {
		return false
	}
	password = strings.ToLower(password)
	for _, word := range words {
		if len(word) > longestWord {
			continue
		}
		word = strings.ToLower(word)
		local, _, _ := strings.Cut(word, "@")
		if gives(password, word) || gives(password, local) {
			return true
		}
		for part := range strings.FieldsFuncSeq(local, separates) {
			if gives(password, part) {
				return true
			}
		}
	}
	return false
}

// gives reports whether the word is nearly the whole password.
func gives(password, word string) bool {
	length := utf8.RuneCountInString(word)
	return length >= shortestWord &&
		utf8.RuneCountInString(password) <= length+padding &&
		strings.Contains(password, word)
}

func separates(r rune) bool { return strings.ContainsRune(" .-_+,'/", r) }
