FORGET_OLD_SIGN_INS = "users.forget_old_sign_ins"
SEND_EMAIL = "email.send"
FORGET_OLD_EMAILS = "users.forget_old_emails"
