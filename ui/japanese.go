package ui

import "strconv"

var japanese = catalogue{
	tag:         "ja",
	newPassword: "新しいパスワード",
	hint: func(minLength int, rules []string) string {
		return strconv.Itoa(minLength) + "文字以上" + before("、", rules) + "。関連のない単語をいくつか組み合わせると安全です。"
	},
	texts: map[string]string{
		// Who an address belongs to.
		"When you confirm it, the account below has the new address instead of its present one.":          "確認すると、下記のアカウントのメールアドレスが現在のものから新しいものに変わります。",
		"If the account is not yours, or you did not ask for this, close this page: nothing will change.": "お客様のアカウントでない場合やお心当たりのない場合は、このページを閉じてください。何も変更されません。",
		"New address": "新しいメールアドレス",
		"API keys that this account has made still work. Revoke those that you do not know.":                                                                       "このアカウントで作成したAPIキーは引き続き有効です。お心当たりのないキーは無効にしてください。",
		"Revoke the API keys that this account has made, too":                                                                                                      "このアカウントで作成したAPIキーも無効にする",
		"This address was used to sign up more than once. When you confirm it, we mail you a link to set a password. Passwords that were set before stop working.": "このメールアドレスで複数回の登録がありました。確認すると、パスワード設定用のリンクをメールでお送りします。以前に設定されたパスワードは使えなくなります。",
		"This address was used to sign up more than once. Look into your mailbox for a link to set your password.":                                                 "このメールアドレスで複数回の登録がありました。メールに記載のリンクからパスワードを設定してください。",

		// Confirming an address.
		"Confirm your address":  "メールアドレスの確認",
		"Confirm my address":    "メールアドレスを確認する",
		"I did not create this": "登録した覚えはありません",
		"Confirm that this e-mail address is yours. Then your account is ready.": "このメールアドレスがお客様のものであることをご確認ください。確認が済むと、アカウントをご利用いただけます。",
		"Somebody signed up here with this address. If it was you, confirm it.":  "このメールアドレスで登録の手続きがありました。ご本人の場合は、メールアドレスを確認してください。",
		"Your address is confirmed":                             "メールアドレスを確認しました",
		"You can close this page and go on where you left off.": "このページを閉じて、元の画面で続けてください。",
		"Delete this account?":                                  "このアカウントを削除しますか？",
		"Delete the account":                                    "アカウントを削除する",
		"Keep the account":                                      "アカウントを残す",
		"The account was deleted":                               "アカウントを削除しました",
		"Nothing else was stored under your address. You can close this page.": "このメールアドレスについて、ほかに保存されている情報はありません。このページを閉じてください。",
		"Confirm this address": "このメールアドレスを確認する",
		"Confirm that this e-mail address is to be used with your account here.": "このメールアドレスをアカウントで使用することをご確認ください。",
		"If you did not ask for this, close this page: nothing will change.":     "お心当たりのない場合は、このページを閉じてください。何も変更されません。",

		// A change of address that is taken back.
		"Take the change of address back": "メールアドレスの変更の取り消し",
		"Take it back":                    "変更を取り消す",
		"The account moved to another address. If that was not you, take it back.":            "アカウントのメールアドレスが変更されました。お心当たりのない場合は、変更を取り消してください。",
		"Every device will be signed out, and we will mail you a link to set a new password.": "すべての端末からログアウトします。新しいパスワードを設定するためのリンクをメールでお送りします。",
		"Your address is back": "元のメールアドレスに戻りました",
		"Every device was signed out. Look into your mailbox for a link to set a new password.": "すべての端末からログアウトしました。新しいパスワードを設定するためのリンクをメールでご確認ください。",

		// Passwords.
		"Choose a new password":                                       "新しいパスワードの設定",
		"Set the password":                                            "パスワードを設定する",
		"You will be signed out on every device.":                     "すべての端末からログアウトします。",
		"Your password is set":                                        "パスワードを設定しました",
		"Every device was signed out. Sign in with the new password.": "すべての端末からログアウトしました。新しいパスワードでログインしてください。",
		"an upper-case letter":                                        "英大文字を含む",
		"a lower-case letter":                                         "英小文字を含む",
		"a digit":                                                     "数字を含む",
		"a sign that is neither letter nor digit":                     "記号を含む",

		// Signing in.
		"Sign in with your code": "コードでログイン",
		"To sign in, go back to where you asked for this mail and type the six digits from the mail.": "ログインするには、このメールを依頼した画面に戻り、メールに記載された6桁の数字を入力してください。",
		"If you did not ask to sign in, close this page: nobody was signed in by opening it.":         "お心当たりのない場合は、このページを閉じてください。ページを開いただけではログインしません。",
		"Sign in": "ログインする",

		// Links that are too old, and what is left.
		"That did not work":  "うまくいきませんでした",
		"Send me a new link": "新しいリンクを送る",
		"Check your mail":    "メールをご確認ください",
		"If this address can be used here, a mail with a new link is on its way. Older links stop working.": "このメールアドレスをご利用いただける場合は、新しいリンクをメールでお送りしました。以前のリンクは無効になります。",
		"Nothing there after some minutes? Look in your junk mail too.":                                     "数分たっても届かない場合は、迷惑メールのフォルダーもご確認ください。",
		"Done already":     "すでに完了しています",
		"Go on":            "続ける",
		"To the home page": "トップページへ",

		"This link is too old.":                                   "このリンクは期限切れです。",
		"Links work once and only for a while.":                   "リンクは一度だけ、一定の時間内にご利用いただけます。",
		"Ask for a new one where you asked for this one.":         "このリンクを依頼した画面で、新しいリンクをご請求ください。",
		"This address is confirmed. There is nothing left to do.": "このメールアドレスは確認済みです。必要な手続きはすべて完了しています。",
		"If you did not sign up here, delete the account that was made with your address. This cannot be undone.": "登録した覚えがない場合は、お客様のメールアドレスで作成されたアカウントを削除してください。削除すると元に戻せません。",
		"Reference":                            "照会番号",
		"Something went wrong on our side.":    "サーバー側で問題が発生しました。",
		"This path does not take that method.": "このページはこの方法では開けません。",
		"The link may have been cut on its way. Open it from the mail once more, or copy the whole of it.": "リンクが途中で切れている可能性があります。メールからもう一度開くか、リンク全体をコピーしてください。",

		// Labels.
		"Address":    "メールアドレス",
		"Account":    "アカウント",
		"Device":     "端末",
		"Signed up":  "登録日時",
		"Asked for":  "受付日時",
		"IP address": "IPアドレス",

		// Errors.
		"The service is not available at the moment. Please try again.": "現在サービスをご利用いただけません。もう一度お試しください。",
		"There is nothing here.":                                          "ページが見つかりません。",
		"The request could not be understood.":                            "リクエストを処理できませんでした。",
		"Too many requests. Please wait a while.":                         "リクエストの回数が多すぎます。しばらくお待ちください。",
		"Too many messages were asked for. Please wait a while.":          "メールの送信回数が多すぎます。しばらくお待ちください。",
		"Too many attempts. Please wait a while, or sign in another way.": "試行回数が多すぎます。しばらく待つか、別の方法でログインしてください。",
		"This link is not valid, or was used already.":                    "このリンクは無効か、すでに使用されています。",
		"This link is too old. Please ask for a new one.":                 "このリンクは期限切れです。新しいリンクをご請求ください。",
		"The token is not valid.":                                         "このリンクは無効です。",
		"The token has expired.":                                          "このリンクは期限切れです。",
		"That is not a place to return to.":                               "指定された移動先は使用できません。",
		"That is not an e-mail address we can use.":                       "このメールアドレスは使用できません。",
		"That password is too easy to guess. Please choose another.":      "推測されやすいパスワードです。別のパスワードを選んでください。",
		"The new password must differ from the current one.":              "現在のパスワードとは異なるものを設定してください。",
		"The password does not meet the rules.":                           "パスワードが条件を満たしていません。",
		"The account does not exist any more.":                            "このアカウントはすでに存在しません。",
		"There is no such account.":                                       "アカウントが見つかりません。",
		"The account is banned.":                                          "このアカウントは停止されています。",
		"The account was changed at the same time. Please try again.":     "アカウントが同時に変更されました。もう一度お試しください。",
		"The address is verified already.":                                "メールアドレスはすでに確認済みです。",
		"There is already an account with this address.":                  "このメールアドレスのアカウントはすでにあります。",
		"The address or the password is wrong.":                           "メールアドレスまたはパスワードが正しくありません。",
		"Please confirm your address first: we have sent you a mail.":     "先にメールアドレスを確認してください。確認用のメールをお送りしました。",
		"The session has ended. Please sign in again.":                    "セッションが終了しました。もう一度ログインしてください。",
		"Please sign in.":                                                 "ログインしてください。",
		"You may not do that.":                                            "この操作は許可されていません。",
		"Signing in by link is not switched on.":                          "リンクによるログインは有効になっていません。",
	},
}
