package letter

import (
	"fmt"
	"time"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
)

var japanese = language{
	tag:      "ja",
	greeting: "{name} 様",
	// A Japanese mail to a reader without a name has no greeting.
	anonymous: "",
	fonts:     "'Hiragino Sans','Hiragino Kaku Gothic ProN','Yu Gothic UI',Meiryo,'Noto Sans JP','Noto Sans CJK JP',",
	device:    "端末",
	ipAddress: "IPアドレス",
	copyLink:  "ボタンを押しても開かない場合は、次のアドレスをブラウザーに貼り付けてください。",
	footer:    "このメールは{site}から自動的に送信されています。",
	moment: func(t time.Time) string {
		t = t.UTC()
		return fmt.Sprintf("%d年%d月%d日（%s）%s（UTC）", t.Year(), t.Month(), t.Day(), japaneseDays[t.Weekday()], t.Format("15:04"))
	},
	lasts: func(from, until time.Time) string {
		if life := until.Sub(from); !from.IsZero() && life > 0 {
			return japaneseDuration(life)
		}
		return locale.Moment("ja", until) + "まで"
	},
	letters: map[mailer.Kind]words{
		mailer.SignupConfirmation: {
			subject:     "【{site}】ご登録の確認",
			preheader:   "あと一歩でアカウントをご利用いただけます。",
			heading:     "メールアドレスの確認",
			opening:     []string{"{site}にご登録いただき、ありがとうございます。このメールアドレスがお客様のものであることをご確認ください。"},
			when:        "登録日時",
			button:      "メールアドレスを確認する",
			belowButton: []string{"リンクの有効期間：{lasts}"},
			closing:     []string{"お心当たりのない場合は、リンクを開いて「登録した覚えはありません」を選んでください。アカウントは削除されます。"},
			needsLink:   true,
		},
		mailer.EmailVerification: {
			subject:   "【{site}】メールアドレスの確認",
			preheader: "あと一歩でメールアドレスの確認が完了します。",
			heading:   "メールアドレスの確認",
			opening: []string{
				"このメールアドレスを{site}のアカウントで使用する手続きを受け付けました。お客様のメールアドレスであることをご確認ください。",
				"このアカウントの現在のメールアドレスは{email}です。確認すると、このメールアドレスに変わります。",
			},
			when:        "受付日時",
			button:      "メールアドレスを確認する",
			belowButton: []string{"リンクは一度だけご利用いただけます。有効期間：{lasts}"},
			closing:     []string{"お心当たりのない場合は、このメールを破棄してください。ご確認がない限り、このメールアドレスは使用されません。"},
			needsLink:   true,
		},
		mailer.PasswordReset: {
			subject:     "【{site}】パスワードの再設定",
			preheader:   "このメールのリンクから新しいパスワードを設定できます。",
			heading:     "パスワードの再設定",
			opening:     []string{"{site}のアカウントの新しいパスワードを、次のボタンから設定してください。"},
			when:        "受付日時",
			button:      "新しいパスワードを設定する",
			belowButton: []string{"リンクは一度だけご利用いただけます。有効期間：{lasts}", "パスワードを設定すると、すべての端末からログアウトします。"},
			closing:     []string{"お心当たりのない場合は、このメールを破棄してください。パスワードは変更されません。リンクは他の人に教えないでください。"},
			needsLink:   true,
			named:       true,
		},
		mailer.MagicLink: {
			subject:     "【{site}】ログインのご案内",
			preheader:   "このメールのリンクからログインできます。",
			heading:     "ログインのご案内",
			opening:     []string{"次のボタンから{site}にログインできます。"},
			when:        "受付日時",
			button:      "ログインする",
			belowButton: []string{"リンクは一度だけご利用いただけます。有効期間：{lasts}"},
			aboveCode:   "または、ログインの画面に次のコードを入力してください。",
			codeOnly: codeOnly{
				preheader: "このメールのコードでログインできます。",
				opening:   []string{"ログインの画面に次のコードを入力してください。"},
				button:    "コードの使い方を見る",
			},
			closing:   []string{"お心当たりのない場合は、このメールを破棄してください。このメールがなければ誰もログインできません。リンクとコードは他の人に教えないでください。{site}からお尋ねすることはありません。"},
			needsLink: true,
			named:     true,
		},
		mailer.AccountExists: {
			subject:     "【{site}】すでにアカウントをお持ちです",
			preheader:   "そのままログインしていただけます。変更された内容はありません。",
			heading:     "すでにアカウントをお持ちです",
			opening:     []string{"{site}でこのメールアドレスが入力されました。このメールアドレスのアカウントはすでにあるため、新しいアカウントは作成されず、変更された内容もありません。"},
			when:        "入力日時",
			aboveButton: []string{"このメールアドレスでログインしていただけます。"},
			button:      "ログインする",
			withoutLink: []string{"このメールアドレスでログインしていただけます。パスワードをお忘れの場合は、ログインの画面から再設定してください。"},
			closing:     []string{"お心当たりのない場合も、お手続きの必要はありません。誰もログインしていません。"},
		},
		mailer.PasswordChanged: {
			subject:     "【{site}】パスワードが変更されました",
			preheader:   "すべての端末からログアウトしました。",
			heading:     "パスワードが変更されました",
			opening:     []string{"{site}のアカウントのパスワードが変更され、すべての端末からログアウトしました。"},
			when:        "変更日時",
			aboveButton: []string{"お客様ご自身による変更の場合、お手続きは必要ありません。", "お心当たりのない場合は、すぐに新しいパスワードを設定してください。"},
			button:      "新しいパスワードを設定する",
			withoutLink: []string{
				"お客様ご自身による変更の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐにログインの画面からパスワードを再設定してください。このメールアドレスのパスワードも変更してください。",
			},
			named: true,
		},
		mailer.EmailChanged: {
			subject:   "【{site}】メールアドレスが変更されました",
			preheader: "今後は新しいメールアドレスが使用されます。",
			heading:   "メールアドレスが変更されました",
			opening:   []string{"{site}のアカウントのメールアドレスが変更されました。", "新しいメールアドレス：{newEmail}"},
			when:      "変更日時",
			aboveButton: []string{
				"お客様ご自身による変更の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、次のボタンから変更を取り消してください。元のメールアドレスに戻り、すべての端末からログアウトします。新しいパスワードを設定するためのリンクをお送りします。",
			},
			button:      "変更を取り消す",
			belowButton: []string{"リンクの有効期間：{lasts}"},
			withoutLink: []string{
				"お客様ご自身による変更の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐに{site}の運営者にご連絡ください。",
			},
			named: true,
		},
		mailer.NewDevice: {
			subject:     "【{site}】新しい端末からのログイン",
			preheader:   "これまでに使われたことのない端末でログインがありました。",
			heading:     "新しい端末からのログイン",
			opening:     []string{"これまでに使われたことのない端末から、{site}のアカウントへのログインがありました。"},
			when:        "ログイン日時",
			aboveButton: []string{"お客様ご自身によるログインの場合、お手続きは必要ありません。", "お心当たりのない場合は、すぐに新しいパスワードを設定してください。"},
			button:      "新しいパスワードを設定する",
			withoutLink: []string{
				"お客様ご自身によるログインの場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐにログインの画面からパスワードを再設定してください。すべての端末からログアウトします。",
			},
			named: true,
		},
		mailer.AccountDeleted: {
			subject:   "【{site}】アカウントが削除されました",
			preheader: "今後このアカウントではログインできません。",
			heading:   "アカウントが削除されました",
			opening:   []string{"{site}のアカウントが削除されました。今後このアカウントではログインできません。"},
			when:      "削除日時",
			closing:   []string{"お心当たりのない場合は、すぐに{site}の運営者にご連絡ください。"},
			named:     true,
		},
		mailer.MFAEnabled: {
			subject:     "【{site}】二段階認証が有効になりました",
			preheader:   "今後のログインには認証コードも必要になります。",
			heading:     "二段階認証が有効になりました",
			opening:     []string{"{site}のアカウントに認証アプリが設定されました。今後のログインには、認証アプリのコードも必要になります。", "リカバリーコードは安全な場所に保管してください。認証アプリの代わりに、それぞれ一度だけ使えます。"},
			when:        "設定日時",
			aboveButton: []string{"お客様ご自身による操作の場合、お手続きは必要ありません。", "お心当たりのない場合は、すぐに新しいパスワードを設定してください。"},
			button:      "新しいパスワードを設定する",
			withoutLink: []string{
				"お客様ご自身による操作の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐにログインの画面からパスワードを再設定し、{site}の運営者にご連絡ください。",
			},
			named: true,
		},
		mailer.MFADisabled: {
			subject:     "【{site}】二段階認証が無効になりました",
			preheader:   "今後のログインに認証コードは必要ありません。",
			heading:     "二段階認証が無効になりました",
			opening:     []string{"{site}のアカウントの認証アプリとリカバリーコードが削除されました。今後のログインに認証コードは必要ありません。"},
			when:        "変更日時",
			aboveButton: []string{"お客様ご自身による操作の場合、お手続きは必要ありません。", "お心当たりのない場合は、すぐに新しいパスワードを設定してください。"},
			button:      "新しいパスワードを設定する",
			withoutLink: []string{
				"お客様ご自身による操作の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐにログインの画面からパスワードを再設定し、{site}の運営者にご連絡ください。",
			},
			named: true,
		},
		mailer.RecoveryCodesMade: {
			subject:     "【{site}】新しいリカバリーコードが作成されました",
			preheader:   "これまでのリカバリーコードは使えなくなりました。",
			heading:     "リカバリーコードが新しくなりました",
			opening:     []string{"{site}のアカウントの新しいリカバリーコードが作成されました。これまでのリカバリーコードは使えなくなりました。"},
			when:        "作成日時",
			aboveButton: []string{"お客様ご自身による操作の場合、お手続きは必要ありません。", "お心当たりのない場合は、すぐに新しいパスワードを設定してください。"},
			button:      "新しいパスワードを設定する",
			withoutLink: []string{
				"お客様ご自身による操作の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐにログインの画面からパスワードを再設定し、{site}の運営者にご連絡ください。",
			},
			named: true,
		},
		mailer.RecoveryCodeUsed: {
			subject:     "【{site}】リカバリーコードが使用されました",
			preheader:   "使用されたリカバリーコードは、もう使えません。",
			heading:     "リカバリーコードが使用されました",
			opening:     []string{"{site}のアカウントで、認証アプリのコードの代わりにリカバリーコードが使用されました。使用されたリカバリーコードは、もう使えません。"},
			when:        "使用日時",
			aboveButton: []string{"お客様ご自身による操作の場合、お手続きは必要ありません。", "お心当たりのない場合は、すぐに新しいパスワードを設定してください。"},
			button:      "新しいパスワードを設定する",
			withoutLink: []string{
				"お客様ご自身による操作の場合、お手続きは必要ありません。",
				"お心当たりのない場合は、すぐにログインの画面からパスワードを再設定し、{site}の運営者にご連絡ください。",
			},
			named: true,
		},
	},
}

var japaneseDays = [...]string{"日", "月", "火", "水", "木", "金", "土"}

func japaneseDuration(d time.Duration) string {
	count, unit := amount(d)
	return fmt.Sprintf("%d%s", count, map[time.Duration]string{time.Minute: "分間", time.Hour: "時間", 24 * time.Hour: "日間"}[unit])
}
