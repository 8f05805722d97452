// Package commonpassword knows the passwords that guessers try first, and those
// that are little more than what everybody knows about their owner.
package commonpassword

import (
	_ "embed"
	"strings"
	"unicode/utf8"
)

// list holds one password a line: ASCII, lower case, sorted by bytes. It is
// searched where it lies in the program, so it costs no memory of its own.
//
//go:embed list.txt
var list string

const (
	// longest is the length of the longest line of the list.
	longest = 32
	// shortestWord is the fewest characters that make a word telling.
	shortestWord = 4
	// padding is how many characters beside a word still do not hide it.
	padding = 4
	// longestWord is more bytes than an e-mail address or a name has.
	longestWord = 1024
)

// Contains tells whether the password is on the list, in any case of its
// letters. A long password is not on it and costs nothing.
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
		// Both ends stand at the beginning of a line, so start does too.
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

// Contextual tells whether the password is one of the words, or one of them
// with at most four more characters, in any case. Words are what others know or
// guess: the own address, the own name, the name of the site. Of an address its
// local part counts too, of a name each part. What is shorter than four
// characters is no word.
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

// gives tells whether the word is nearly all of the password.
func gives(password, word string) bool {
	length := utf8.RuneCountInString(word)
	return length >= shortestWord &&
		utf8.RuneCountInString(password) <= length+padding &&
		strings.Contains(password, word)
}

func separates(r rune) bool { return strings.ContainsRune(" .-_+,'/", r) }
