/* Verifies an access token with libjwt, as modules for nginx and Apache do.
   Usage: verify PEM-FILE TOKEN. Prints the subject; exits 1 if libjwt refuses. */
#include <jwt.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	static unsigned char key[16384];
	jwt_t *token = NULL;
	FILE *file = argc == 3 ? fopen(argv[1], "r") : NULL;
	size_t length;
	int wrong;

	if (file == NULL) {
		fprintf(stderr, "usage: verify PEM-FILE TOKEN\n");
		return 2;
	}
	length = fread(key, 1, sizeof key - 1, file);
	fclose(file);
	wrong = jwt_decode(&token, argv[2], key, (int)length);
	if (wrong != 0) {
		fprintf(stderr, "libjwt: %s\n", strerror(wrong));
		return 1;
	}
	printf("%s %s %s\n", jwt_get_grant(token, "sub"), jwt_get_grant(token, "iss"), jwt_get_grant(token, "client_id"));
	jwt_free(token);
	return 0;
}
