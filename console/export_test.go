package console

// Calls lists the requests that the actions on people send.
func Calls() (all []string) {
	for _, a := range actions() {
		all = append(all, a.method+" /v1"+a.path)
	}
	return all
}
