## The app
app-name = OneCity
tab-home = Home
tab-passes = Passes
tab-me = Me
back = Back
cancel = Cancel
close = Close
done = Done
copy = Copy
copied = Copied
not-now = Not now
go-on = Go on
try-again = Try again
settings = Settings
version = Version
licence = Licence
list-separator = { ", " }
sentence-separator = { ": " }
too-many-open = Too many screens are open. Go back a few first.

## Times and sizes
time-now = just now
time-minutes =
    { $count ->
         [one] { $count } minute ago
        *[other] { $count } minutes ago
    }
time-hours =
    { $count ->
         [one] { $count } hour ago
        *[other] { $count } hours ago
    }
time-date =
    { $day } { $month ->
         [1] January
         [2] February
         [3] March
         [4] April
         [5] May
         [6] June
         [7] July
         [8] August
         [9] September
         [10] October
         [11] November
        *[12] December
    } { $year }
time-moment = { $date }, { $clock }
size-kb = { $count } KB
size-mb = { $count } MB

## The first start
welcome-title = Every city in one app
welcome-detail = Log in once, and use the services, passes and documents of any city.
welcome-no-login = You can look around and use many services without logging in.
welcome-go-on = Agree and go on
privacy-title = Your data
privacy-what = What is kept
privacy-what-text = The city that you choose, your login, your passes, the forms that you fill in and what you send.
privacy-where = Where
privacy-where-text = On this phone alone, encrypted.
privacy-who = Who gets it
privacy-who-text = Each service gets only what you agree to. You are asked before.
privacy-rights = You can
privacy-rights-text = See and take back what you agreed to at any time, or log out and delete all of it.
language = Language
language-what = Names of services are in the languages that their cities supply.
elder-mode = Large and simple
elder-mode-what = Large text, large buttons, and only what you use most.
elder-mode-on = Large and simple is on
elder-mode-off = Large and simple is off

## Choosing a place
places-home = Where do you live?
places-switch = Change city
places-nation = Country
places-find = Find a city or district
places-find-hint = Type its name
places-found = Found
places-none = Nothing found. Open the province first, then look inside it.
places-none-in = Nothing found in { $place }. Check the name, or go back up.
places-list = Provinces and cities
places-up = Back to the list before
places-whole = All of { $place }
places-locate = Find by where this phone is
places-near = Near you
places-cannot-locate = This phone's place is not known. Type the city's name above.

## Home
home-change-place = Change city
home-find = Search services and places
home-first-sync = Getting the services of this place…
home-offline = No network. What is on the phone still works.
home-offline-since = No network. Last updated { $since }; it still works.
home-stale = Last updated { $since }.
home-waiting =
    { $count ->
         [one] { $count } item is saved and is sent when there is a network.
        *[other] { $count } items are saved and are sent when there is a network.
    }
home-passes = Passes
home-favourites = Favourites
home-recent = Used lately
home-away = You are away from home
home-back = Back to { $place }
home-none-missing = Everything that { $home } has is here, too. Take it along
home-missing =
    { $count ->
         [0] Everything that { $home } has is here, too
         [one] { $count } service of { $home } is missing here; see what comes nearest
        *[other] { $count } services of { $home } are missing here; see what comes nearest
    }
home-empty = Nothing is published here yet. Look at another city.
home-elder = Most used
home-call = Call { $number }
home-all = All services
update-app = Update the app
announced-outage = { $by } says that its services do not work for now: { $reason }
announced-outage-until = { $by } says that its services do not work until { $when }: { $reason }
announced-outage-still = Your passes work, and what you hand in waits on the phone and is sent by itself.
announced-looking = Looking whether it is over…
announced-by-phone = By phone
announced-all-the-same = Show the services all the same
announced-update = { $by } asks you to update this app before you use its services: { $reason }
announced-update-still = Your passes work, and nothing on the phone is lost.
group-transport = Getting around
group-government = Offices and papers
group-living = Living
group-health = Health
group-education = Learning
group-culture = Culture and leisure
group-work = Work and business
group-other = More

## Search
search = Search
search-hint = What do you need?
search-all = Services here
search-services = Services
search-places = Places
search-settings = In this app
search-none = Nothing found. Try other words, or change the city.
search-words-elder = elder, large, big text, senior, 长辈版, chữ to
search-words-language = language, 语言, ngôn ngữ, tiếng
search-words-me = account, log out, privacy, consent, 账户

## An open service
service-opening = Opening…
service-show-code = Show a pass
service-menu = More
service-gone = This service has been closed. What you filled in is saved.
service-open-again = Open again
service-open-there = Open it where it is offered
service-publisher = Published by
service-verified = Verified unit
service-share = Share
service-clear = Clear what it keeps
service-clear-what = What this service keeps on the phone, drafts and what you agreed to are deleted. What waits to be sent stays.
service-cleared = Cleared
favourite-add = Add to favourites
favourite-remove = Remove from favourites
favourites-full = There are as many favourites as may be. Remove some first.

## Another city
travel-title = Going to { $place }
travel-plan =
    { $count ->
         [one] Take this place's { $count } service along: it opens without a network, too.
        *[other] Take this place's { $count } services along: they open without a network, too.
    }
travel-fetch = Take along ({ $size })
travel-fetching = Getting them…
travel-done = The services of { $place } are on this phone.
travel-have = All services of this place are on the phone and open without a network.
travel-missing = In { $home } and not in { $place }
travel-none-missing = Everything that { $home } has is here, too.
travel-nearest = Nearest: { $service }
travel-nothing-near = Nothing comes near

## Passes and codes
passes-empty = Passes that you get are shown here.
passes-log-in = Log in to get a transit pass and others.
passes-add = Get a pass
passes-for-gate = Choose the pass for this gate.
passes-here = You can get here
passes-none-here = No pass can be had here yet. Try another city.
pass-for-whom = Whom it is for
pass-for-me = For me
pass-other = Choose another pass
pass-adding = { $issuer } is issuing it…
pass-added = You have it now
pass-have = You have this pass already
pass-first = Put first
pass-is-first = It is first now
relation-child = Child
relation-parent = Parent
pass-renewal-due = It ends soon. Open the app with a network, and it is renewed.
pass-expired = It has expired. Connect to a network to renew it.
pass-needs-renewal = It has to be issued again. Connect to a network and log in.
pass-suspended = It is suspended. Ask { $issuer }.
pass-revoked = It was revoked. Ask { $issuer }.
pass-valid-in = Valid in
pass-fare = Fare
pass-expires = Valid until
pass-last-used = Last shown
pass-manage = Manage
pass-delete = Delete this pass
pass-delete-what = This phone can't show it any more, and its issuer revokes it. You can get a new one later.
pass-deleted = Deleted
grant-list = { $verifier } may ask you to
grant-label = One-use QR code for { $verifier }
grant-how = Have the counter scan it. Only this counter can use it, and only once.
grant-over = The time of this code is over.
grant-again = Show it once more
shown-title = Where it was shown
shown-empty = What you show to counters is listed here. Passing a gate leaves no record.
shown-what = This record is on this phone alone.
code-label = QR code of { $holder }
code-how = Hold the code to the gate
code-clock = This phone's time may be wrong, and a gate may refuse. Connect to a network once.

## Documents
document-genuine = Genuine and valid
document-expired = Genuine, but expired
document-unverified = Can't be verified just now

## Logging in
log-in = Log in
log-out = Log out
login-once = Once, for every city
login-where = Where to log in
login-what = The provider's page opens in the browser. The app never sees your password.
login-with-number = Type my number first
login-number = Identity number or business code
login-number-hint = May stay empty
login-number-what = It is sent only to the provider that you choose.
login-number-wrong = This number can't be right. Compare it with your card.
login-beginning = Asking the provider…
login-in-browser = Finish logging in in the browser
login-finishing = Checking…
login-cancelled = The login was cancelled. You can choose again.
login-clock = Turn on automatic date and time in the phone's settings, then try again.
login-done = Logged in: { $name }
login-lapsed = Your login has ended. Log in again under Me. Passes still work.
login-step-up = This needs a stronger login.
logged-out = Logged out
log-out-what = This account's passes, drafts and records are deleted from this phone.
log-out-waiting = Some of what you submitted has not been sent, and is lost if you log out now.
ask-login = “{ $service }” needs you to log in to go on.
ask-step-up = “{ $service }” needs a stronger login.

## Me
accounts = Accounts
account-add = Add an account
account-person = Person
account-enterprise = Enterprise
account-lapsed = Log in again
settings-home = Home city
scheme = Appearance
scheme-platform = As the phone
scheme-light = Light
scheme-dark = Dark
about = About
about-what = One app for every city. Cities sign the services that they publish, and this phone verifies each of them.
licences = Licences of the software in it
licences-what = The app is made of this software, each with its version and the name of its licence.

## Consents
consents = What I agreed to
consents-empty = What you agree to is shown here.
consent-title = “{ $service }” asks for your consent
consent-reason = Their reason: { $reason }
consent-fields = It gets
consent-people = About
consent-origins = It goes to
consent-since = Since
consent-agree = Agree
consent-refuse = Don't agree
consent-revoke-later = You can take this back at any time, under Me.
consent-given = Agreed
consent-refused = Refused
consent-revoke = Take back
consent-revoke-what = The service asks again when it next needs this.
consent-ask-again = Let it ask again
consent-ask-again-what = You refused, so the service does not ask again.
consent-revoked = Taken back
permission-login = Know who you are
permission-passes = Get and list your passes
permission-documents = Use documents that you have
permission-scan = Scan a code with the camera
permission-locate = Know where this phone is
permission-photos = Use a photo that you take or choose
permission-disclose = Show this
permission-other = Use “{ $name }”
field-name = Name
field-phone = Phone number
field-identity = Identity number
field-address = Address
field-birthdate = Date of birth
field-email = Email
field-pseudonym = A number for this service alone
field-blood-type = Blood type
field-allergies = Allergies
field-place = Place

## Links, scanning, leaving the app
scan = Scan
scan-denied = The camera is not allowed. You can allow it in the phone's settings.
permit-scan-title = The camera is needed
permit-scan = The camera is on only while you scan, to read codes. No picture is kept or sent.
permit-locate-title = Your place is needed
permit-locate = It is used only to find the city that you are in. It is neither kept nor sent to anybody.
permit-next = The phone asks you once more next.
photo-kept = Your photo is kept. Open the form again to add it.
photo-kept-title = A photo is kept
photo-kept-what = The app was closed while you took it. This service can have it now.
photo-kept-name = Photo
photo-kept-use = Use this photo
photo-kept-another = Take another
scanned-title = What was scanned
scanned-what = This is no code of OneCity's. The app does not open it by itself.
link-looking = Looking…
link-title = Open this service?
link-service = Service
link-open = Open
leave-title = Leave the app?
leave-what = This address opens in the browser.
leave-go = Open the browser
leave-call-title = Call this number?
leave-call = The call begins when you press the dial button.
leave-call-go = Dial
hand-over-title = Hand over to another phone
hand-over-how = Scan this with OneCity on the other phone.
draft-accepted = A form filled in by { $by } has come. Check it, then send it.
payment-done = Paid to { $payee }
pay-title = Pay { $amount }?
pay-order = Order
pay-where = Payment page
pay-what = The payment page opens in the browser. The receipt then comes to the app and is verified.
pay-go = Go and pay
money-yuan = CN¥{ $number }
money-dong = ₫{ $number }
money-other = { $currency } { $number }
money-group = ,
money-decimal = { "." }

## Errors: what happened, what is safe, what to do
error-network = The network can't be reached. Nothing is lost; check the network and try again.
error-answer = The other side has a problem just now. Your phone is fine; try again later.
error-login = Log in first.
error-step-up = This needs a stronger login.
error-not-genuine = What came can't be verified, and was stopped to protect you. Try another network.
error-older = What came is older than what this phone has, and was stopped to protect you. Try another network.
error-expired = The publisher has not renewed this in time. What is installed still works; try again later.
error-key = A key of this phone is gone. Log in again.
error-not-now = The phone can't do this just now. Unlock it and try again.
error-cancelled = Cancelled.
error-own = Something went wrong in the app. Nothing is lost; try again, or open the app again.

## What stands in the way of everything
blocked-title = The app can't open just now
blocked-key-title = This phone's key has changed
blocked-key = The key that protects your private data has changed, for example because the screen lock was reset. The data is still here.
blocked-damaged-title = Your private data can't be read
blocked-damaged = The file is damaged, and is still here. What can be read of it can be recovered.
blocked-in-use-title = The app is open somewhere else
blocked-in-use = Close it there first, then try again.
blocked-full-title = The phone's storage is full
blocked-full = Nothing is lost. Free some space, then try again.
blocked-too-new-title = Update the app
blocked-too-new = A newer version has written this phone's data. Update the app, then open it again.
blocked-locked-title = Unlock the phone first
blocked-locked = The phone's keys can't be used just now. Unlock it, then try again.
blocked-restore = Go back to an older copy
blocked-recover = Recover what can be read
blocked-begin-again = Begin again without it
blocked-sure = Your login, passes, drafts and what waits to be sent can't be used any more. The old file stays on the phone.
blocked-go-on-without = Go on without it
