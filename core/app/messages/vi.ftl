## The app
app-name = OneCity
tab-home = Trang chủ
tab-passes = Thẻ
tab-me = Tôi
back = Quay lại
cancel = Hủy
close = Đóng
done = Xong
copy = Sao chép
copied = Đã sao chép
not-now = Để sau
try-again = Thử lại
settings = Cài đặt
version = Phiên bản
licence = Giấy phép
list-separator = { ", " }
too-many-open = Bạn đã mở quá nhiều màn hình. Hãy quay lại bớt.

## Times and sizes
time-now = vừa xong
time-minutes = { $count } phút trước
time-hours = { $count } giờ trước
time-date = { $day }/{ $month }/{ $year }
size-kb = { $count } KB
size-mb = { $count } MB

## The first start
welcome-title = Cả thành phố trong một ứng dụng
welcome-detail = Đăng nhập một lần, đi đâu cũng dùng được: dịch vụ công, vé xe, giấy tờ.
welcome-no-login = Bạn có thể xem và dùng nhiều dịch vụ mà không cần đăng nhập.
welcome-go-on = Đồng ý và tiếp tục
privacy-title = Dữ liệu của bạn
privacy-what = Lưu những gì
privacy-what-text = Thành phố bạn chọn, phiên đăng nhập, thẻ, biểu mẫu bạn điền và những gì bạn gửi.
privacy-where = Lưu ở đâu
privacy-where-text = Chỉ trên điện thoại này, dưới dạng mã hóa.
privacy-who = Ai nhận được
privacy-who-text = Mỗi dịch vụ chỉ nhận những gì bạn đồng ý. Ứng dụng luôn hỏi bạn trước.
privacy-rights = Bạn có thể
privacy-rights-text = Xem lại và rút lại sự đồng ý bất cứ lúc nào, hoặc đăng xuất và xóa dữ liệu.
language = Ngôn ngữ
language-what = Tên dịch vụ hiển thị bằng ngôn ngữ mà thành phố cung cấp.
elder-mode = Chế độ chữ to
elder-mode-what = Chữ to, nút to, chỉ giữ những mục hay dùng.
elder-mode-on = Đã bật chế độ chữ to
elder-mode-off = Đã tắt chế độ chữ to

## Choosing a place
places-home = Bạn sống ở đâu?
places-switch = Đổi thành phố
places-nation = Quốc gia
places-find = Tìm tỉnh, thành phố, phường, xã
places-find-hint = Gõ tên, có dấu hoặc không dấu
places-found = Nơi tìm thấy
places-none = Không tìm thấy. Hãy mở tỉnh, thành phố trước rồi tìm bên trong.
places-none-in = Không tìm thấy ở { $place }. Hãy kiểm tra lại tên hoặc quay lại.
places-list = Tỉnh và thành phố
places-up = Quay lại danh sách trước
places-whole = Toàn { $place }
places-locate = Tìm theo vị trí của điện thoại
places-near = Gần bạn
places-cannot-locate = Không biết được vị trí của điện thoại. Hãy gõ tên thành phố ở trên.

## Home
home-change-place = Đổi thành phố
home-find = Tìm dịch vụ và địa điểm
home-first-sync = Đang tải các dịch vụ ở đây…
home-offline = Không có mạng. Những gì đã lưu vẫn dùng được.
home-offline-since = Không có mạng. Nội dung cập nhật { $since }, vẫn dùng được.
home-stale = Nội dung cập nhật { $since }.
home-waiting = { $count } mục đã lưu, sẽ tự gửi khi có mạng.
home-passes = Thẻ
home-favourites = Yêu thích
home-recent = Vừa dùng
home-away = Bạn đang xem nơi khác
home-back = Về { $place }
home-missing = { $count } dịch vụ của { $home } không có ở đây; xem dịch vụ tương tự
home-empty = Nơi này chưa có dịch vụ nào. Bạn có thể xem thành phố khác.
home-elder = Hay dùng
home-call = Gọi { $number }
home-all = Tất cả dịch vụ
group-transport = Đi lại
group-government = Thủ tục
group-living = Đời sống
group-health = Sức khỏe
group-education = Giáo dục
group-culture = Văn hóa, du lịch
group-work = Việc làm, doanh nghiệp
group-other = Khác

## Search
search = Tìm kiếm
search-hint = Bạn cần làm gì?
search-all = Dịch vụ ở đây
search-services = Dịch vụ
search-places = Địa điểm
search-settings = Cài đặt ứng dụng
search-none = Không tìm thấy. Hãy thử từ khác hoặc đổi thành phố.
search-words-elder = chữ to, người cao tuổi, chu to, nguoi cao tuoi, 长辈版, elder, large
search-words-language = ngôn ngữ, ngon ngu, tiếng, tieng, language, 语言
search-words-me = tài khoản, tai khoan, đăng xuất, dang xuat, account

## An open service
service-opening = Đang mở…
service-show-code = Mở thẻ
service-menu = Khác
service-gone = Dịch vụ này đã đóng. Nội dung bạn nhập đã được lưu.
service-open-again = Mở lại
service-open-there = Mở tại nơi cung cấp
service-publisher = Nơi cung cấp
service-verified = Đơn vị đã xác minh
service-share = Chia sẻ
service-clear = Xóa dữ liệu đã lưu
service-clear-what = Dữ liệu, bản nháp và sự đồng ý của bạn cho dịch vụ này sẽ bị xóa. Những gì đang chờ gửi vẫn còn.
service-cleared = Đã xóa
favourite-add = Thêm vào yêu thích
favourite-remove = Bỏ khỏi yêu thích
favourites-full = Danh sách yêu thích đã đầy. Hãy bỏ bớt.

## Another city
travel-title = Đến { $place }
travel-plan = Tải { $count } dịch vụ của nơi này để mở cả khi không có mạng.
travel-fetch = Tải về ({ $size })
travel-fetching = Đang tải…
travel-done = Dịch vụ của { $place } đã có trên điện thoại.
travel-have = Mọi dịch vụ ở đây đã có trên điện thoại, mở được cả khi không có mạng.
travel-missing = Có ở { $home }, không có ở { $place }
travel-none-missing = Dịch vụ nào của { $home } cũng có ở đây.
travel-nearest = Gần giống: { $service }
travel-nothing-near = Không có dịch vụ gần giống

## Passes and codes
passes-empty = Thẻ bạn nhận sẽ hiện ở đây.
passes-log-in = Đăng nhập để nhận vé xe và các thẻ khác.
passes-add = Nhận thẻ mới
passes-search = vé
passes-for-gate = Chọn thẻ để đưa cho cổng này.
pass-renewal-due = Sắp hết hạn. Hãy mở ứng dụng khi có mạng để gia hạn.
pass-expired = Đã hết hạn. Hãy kết nối mạng để gia hạn.
pass-needs-renewal = Cần được cấp lại. Hãy kết nối mạng và đăng nhập.
pass-suspended = Đang tạm dừng. Hãy hỏi { $issuer }.
pass-revoked = Đã bị thu hồi. Hãy hỏi { $issuer }.
pass-valid-in = Dùng được ở
pass-fare = Giá vé
pass-expires = Hết hạn
pass-last-used = Lần dùng gần nhất
pass-manage = Quản lý
pass-delete = Xóa thẻ này
pass-delete-what = Sau khi xóa, điện thoại này không dùng được thẻ nữa và nơi cấp sẽ hủy thẻ. Bạn có thể xin cấp lại.
pass-deleted = Đã xóa thẻ
code-label = Mã QR của { $holder }
code-how = Đưa mã QR vào máy đọc ở cổng
code-clock = Giờ trên điện thoại có thể sai, cổng có thể từ chối. Hãy kết nối mạng một lần.

## Documents
document-genuine = Thật và còn hiệu lực
document-expired = Thật nhưng đã hết hạn
document-unverified = Hiện chưa xác minh được

## Logging in
log-in = Đăng nhập
log-out = Đăng xuất
login-once = Đăng nhập một lần cho mọi thành phố
login-where = Chọn nơi đăng nhập
login-what = Trang của nơi xác thực sẽ mở trong trình duyệt. Ứng dụng không thấy mật khẩu của bạn.
login-with-number = Nhập trước số giấy tờ
login-number = Số định danh cá nhân hoặc mã số doanh nghiệp
login-number-hint = Có thể bỏ trống
login-number-what = Chỉ gửi cho nơi xác thực bạn chọn.
login-number-wrong = Số này không đúng. Hãy đối chiếu với giấy tờ.
login-beginning = Đang liên hệ nơi xác thực…
login-in-browser = Hãy hoàn tất đăng nhập trong trình duyệt
login-finishing = Đang kiểm tra…
login-cancelled = Đã hủy đăng nhập. Bạn có thể chọn lại.
login-clock = Hãy bật đặt giờ tự động trong cài đặt điện thoại rồi thử lại.
login-done = Đã đăng nhập: { $name }
login-lapsed = Phiên đăng nhập đã hết. Hãy đăng nhập lại ở mục Tôi. Thẻ vẫn dùng được.
login-step-up = Thao tác này cần xác thực mạnh hơn.
logged-out = Đã đăng xuất
log-out-what = Thẻ, bản nháp và dữ liệu của tài khoản này sẽ bị xóa khỏi điện thoại.
log-out-waiting = Còn nội dung chưa gửi; nếu đăng xuất bây giờ sẽ mất.
ask-login = “{ $service }” cần bạn đăng nhập để tiếp tục.
ask-step-up = “{ $service }” cần xác thực mạnh hơn.

## Me
accounts = Tài khoản
account-add = Thêm tài khoản
account-person = Cá nhân
account-enterprise = Doanh nghiệp
account-lapsed = Cần đăng nhập lại
settings-home = Nơi bạn sống
scheme = Giao diện
scheme-platform = Theo máy
scheme-light = Sáng
scheme-dark = Tối
about = Giới thiệu
about-what = Một ứng dụng cho mọi thành phố. Dịch vụ do các thành phố ký và công bố; điện thoại kiểm tra từng dịch vụ.

## Consents
consents = Những gì tôi đã đồng ý
consents-empty = Những gì bạn đồng ý cho các dịch vụ sẽ hiện ở đây.
consent-title = “{ $service }” xin bạn đồng ý
consent-reason = Lý do: { $reason }
consent-fields = Nhận được
consent-people = Của ai
consent-origins = Gửi đến
consent-since = Từ ngày
consent-agree = Đồng ý
consent-refuse = Không đồng ý
consent-revoke-later = Bạn có thể rút lại bất cứ lúc nào trong mục Tôi.
consent-given = Đã đồng ý
consent-refused = Đã từ chối
consent-revoke = Rút lại
consent-revoke-what = Sau khi rút lại, dịch vụ sẽ hỏi lại khi cần.
consent-ask-again = Cho phép hỏi lại
consent-ask-again-what = Bạn đã từ chối nên dịch vụ không hỏi lại.
consent-revoked = Đã rút lại
permission-login = Biết bạn là ai
permission-passes = Nhận và xem thẻ của bạn
permission-documents = Dùng giấy tờ bạn đã có
permission-scan = Dùng máy ảnh để quét mã
permission-locate = Biết vị trí điện thoại
permission-photos = Dùng ảnh bạn chụp hoặc chọn
permission-disclose = Cho xem những nội dung này
permission-other = Dùng “{ $name }”
field-name = Họ tên
field-phone = Số điện thoại
field-identity = Số định danh
field-address = Địa chỉ
field-birthdate = Ngày sinh
field-email = Email
field-pseudonym = Mã riêng cho dịch vụ này
field-place = Vị trí

## Links, scanning, leaving the app
scan = Quét mã
scan-denied = Chưa có quyền dùng máy ảnh. Hãy bật trong cài đặt điện thoại.
scanned-title = Kết quả quét
scanned-what = Đây không phải mã của OneCity nên ứng dụng không tự mở.
link-looking = Đang xem…
link-title = Mở dịch vụ này?
link-service = Dịch vụ
link-open = Mở
leave-title = Rời ứng dụng?
leave-what = Địa chỉ này sẽ mở trong trình duyệt.
leave-go = Mở trình duyệt
leave-call-title = Gọi điện?
leave-call = Cuộc gọi bắt đầu khi bạn bấm nút gọi.
leave-call-go = Gọi
hand-over-title = Chuyển sang điện thoại khác
hand-over-how = Hãy quét bằng OneCity trên điện thoại kia.
draft-accepted = Đã nhận biểu mẫu do { $by } điền. Hãy kiểm tra rồi gửi.
payment-done = Đã thanh toán cho { $payee }

## Errors: what happened, what is safe, what to do
error-network = Không kết nối được mạng. Dữ liệu vẫn được lưu; hãy kiểm tra mạng rồi thử lại.
error-answer = Hệ thống bên kia đang gặp lỗi; điện thoại của bạn không sao. Hãy thử lại sau.
error-login = Hãy đăng nhập trước.
error-step-up = Thao tác này cần xác thực mạnh hơn.
error-not-genuine = Nội dung nhận được không xác minh được nên đã dừng lại để bảo vệ bạn. Hãy thử bằng mạng khác.
error-older = Nội dung nhận được cũ hơn nội dung trên máy nên đã dừng lại để bảo vệ bạn. Hãy thử bằng mạng khác.
error-expired = Nơi công bố chưa cập nhật đúng hạn. Dịch vụ đã cài vẫn dùng được; hãy thử lại sau.
error-key = Khóa trên điện thoại không còn dùng được. Hãy đăng nhập lại.
error-not-now = Điện thoại chưa làm được việc này. Hãy mở khóa rồi thử lại.
error-cancelled = Đã hủy.
error-own = Ứng dụng gặp lỗi; dữ liệu không bị mất. Hãy thử lại hoặc mở lại ứng dụng.

## What stands in the way of everything
blocked-title = Chưa mở được
blocked-key-title = Khóa của điện thoại đã đổi
blocked-key = Khóa bảo vệ dữ liệu riêng đã thay đổi, chẳng hạn do đặt lại khóa màn hình. Dữ liệu vẫn còn trên máy.
blocked-damaged-title = Không đọc được dữ liệu riêng
blocked-damaged = Tệp bị hỏng nhưng vẫn được giữ. Bạn có thể lấy lại phần còn đọc được.
blocked-in-use-title = Ứng dụng đang mở ở nơi khác
blocked-in-use = Hãy đóng nơi đó trước rồi thử lại.
blocked-full-title = Bộ nhớ đã đầy
blocked-full = Dữ liệu không bị mất. Hãy giải phóng bớt bộ nhớ rồi thử lại.
blocked-too-new-title = Hãy cập nhật ứng dụng
blocked-too-new = Dữ liệu do phiên bản mới hơn lưu. Hãy cập nhật ứng dụng rồi mở lại.
blocked-locked-title = Hãy mở khóa điện thoại
blocked-locked = Khóa của điện thoại chưa dùng được. Hãy mở khóa rồi thử lại.
blocked-restore = Dùng bản cũ hơn
blocked-recover = Lấy lại phần còn đọc được
blocked-begin-again = Bắt đầu lại từ đầu
blocked-sure = Đăng nhập, thẻ, bản nháp và những gì chờ gửi sẽ không dùng được nữa. Tệp cũ vẫn được giữ trên máy.
blocked-go-on-without = Tiếp tục mà không có dữ liệu
