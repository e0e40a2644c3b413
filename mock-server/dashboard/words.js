// The dashboard's words, in Chinese, Vietnamese and English.

export const languages = { "zh": "中文", "vi": "Tiếng Việt", "en": "English" };

const words = {
  tagline: ["测试台：一个应用，每座城市。人物和数据都是虚构的。", "Bàn thử nghiệm: một ứng dụng cho mọi thành phố. Người và dữ liệu đều là giả định.", "Test bench: one app for every city. People and data are made up."],
  pages: ["页面", "Trang", "Pages"],
  dashboard: ["控制台", "Bảng điều khiển", "Dashboard"],
  gate: ["闸机", "Cổng", "Gate"],
  "gate-waits": ["请出示二维码", "Hãy đưa mã vào đây", "Hold a code here"],
  "gate-opens": ["请通行", "Mời qua", "Go through"],
  "gate-opened-already": ["刚才已为这个码开过门", "Cổng vừa mở cho mã này", "It has opened for this code already"],
  "decision-accepted": ["放行", "Mở", "Open"],
  "decision-already_accepted": ["已通过", "Đã qua", "Passed"],
  "decision-refused": ["不放行", "Không mở", "Shut"],
  microseconds: ["{} 微秒", "{} µs", "{} µs"],
  "gate-phones": ["出示虚拟手机上的码", "Đưa mã trên điện thoại ảo", "Hold a virtual phone here"],
  "phone-no-code": ["{}（屏幕上没有码）", "{} (không có mã)", "{} (no code on its screen)"],
  "gate-camera": ["摄像头", "Máy ảnh", "Camera"],
  "no-camera": ["无法使用摄像头。可以改为拖入图片。", "Không dùng được máy ảnh. Hãy thả ảnh vào.", "There is no camera to use. Drop a picture instead."],
  "no-picture": ["读不出这张图片。请换一张 PNG 或 JPEG。", "Không đọc được ảnh. Hãy thử PNG hoặc JPEG.", "This picture can't be read. Try a PNG or JPEG."],
  "gate-drop": ["把二维码图片拖到这里，或粘贴", "Kéo thả hoặc dán ảnh mã vào đây", "Drop a picture of a code here, or paste one"],
  "gate-choose": ["选择图片", "Chọn ảnh", "Choose a picture"],
  "gate-policy": ["规则", "Quy tắc", "Policy"],
  "gate-log": ["记录", "Nhật ký", "Log"],
  "gate-no-log": ["还没有人通过。", "Chưa có ai qua.", "Nobody has come yet."],
  "gate-region": ["信任的地区", "Khu vực tin cậy", "Trusts"],
  "gate-types": ["通行证种类", "Loại thẻ", "Passes"],
  "gate-any-type": ["任何种类", "mọi loại", "any"],
  "gate-codes-for": ["码的适用对象", "Mã dành cho", "Codes for"],
  "codes-any-gate": ["任何闸机", "mọi cổng", "any gate"],
  "codes-this-gate": ["本闸机", "cổng này", "this gate"],
  "codes-this-moment": ["本闸机此刻", "cổng này, lúc này", "this gate, now"],
  "gate-without-status": ["没有状态清单时", "Khi thiếu danh sách trạng thái", "Without a status list"],
  "gate-hours": ["继续放行 {} 小时", "mở thêm {} giờ", "open for {} hours"],
  "gate-closed": ["不放行", "không mở", "shut"],
  "gate-station": ["车站", "Ga", "Station"],
  "gate-fetched": ["清单更新时间", "Lấy danh sách lúc", "Lists fetched"],
  "gate-never": ["从未", "chưa từng", "never"],
  "gate-remembers": ["已记住的通行", "Lượt qua còn nhớ", "Passages remembered"],
  "gate-trouble": ["取不到清单：", "Không lấy được danh sách: ", "The lists can't be fetched: "],
  "gate-online": ["有网络", "Có mạng", "Has a network"],
  "gate-offline": ["没有网络", "Không có mạng", "Has no network"],
  "gate-fetch": ["立即更新清单", "Lấy danh sách ngay", "Fetch lists now"],
  "gate-challenge": ["出示新的挑战码", "Hiện mã thử thách", "Show a challenge"],
  "gate-sign": ["闸机出示的二维码", "Mã mà cổng hiện ra", "The code that the gate shows"],
  language: ["语言", "Ngôn ngữ", "Language"],
  world: ["世界", "Thế giới", "World"],
  "first-world": ["默认世界", "Thế giới mặc định", "The default world"],
  reset: ["恢复初始状态", "Đặt lại như ban đầu", "Reset"],
  "one-more-world": ["新建世界", "Thêm thế giới", "New world"],
  "end-world": ["结束此世界", "Kết thúc thế giới này", "End this world"],
  "the-call": ["等同的调用", "Lệnh gọi tương đương", "The same as a call"],
  "call-hint": ["每个按钮都是一次接口调用，会显示在这里。", "Mỗi nút là một lệnh gọi API, được hiện ở đây.", "Every button is a call of the API, which is shown here."],
  close: ["关闭", "Đóng", "Close"],
  go: ["前往", "Đi", "Go"],
  copy: ["复制", "Sao chép", "Copy"],
  "no-answer": ["服务器没有响应。请确认它仍在运行。", "Máy chủ không phản hồi. Hãy kiểm tra xem nó còn chạy không.", "The server does not answer. Is it still running?"],
  "needs-token": ["从其他机器访问需要管理令牌：请在网址后加上 #token=…", "Từ máy khác cần token quản trị: hãy thêm #token=… vào địa chỉ", "From another machine the admin token is needed: add #token=… to the address"],
  "no-json": ["这不是 JSON：", "Đây không phải JSON: ", "This is no JSON: "],
  phones: ["手机", "Điện thoại", "Phones"],
  "phones-about": ["手机里运行的是真正的应用核心。", "Bên trong là lõi ứng dụng thật.", "The real core runs in them."],
  "a-phone": ["打开一部手机", "Mở một điện thoại", "Open a phone"],
  "three-phones": ["三部并排", "Ba chiếc cạnh nhau", "Three side by side"],
  clock: ["时钟", "Đồng hồ", "Clock"],
  frozen: ["已停住", "Đang đứng yên", "It stands still"],
  "at-machine-speed": ["与本机同速", "Cùng tốc độ với máy này", "At this machine's speed"],
  "times-as-fast": ["{} 倍速", "Nhanh gấp {} lần", "{} times as fast"],
  freeze: ["停住", "Dừng lại", "Freeze"],
  "plus-minute": ["+1 分钟", "+1 phút", "+1 minute"],
  "plus-hour": ["+1 小时", "+1 giờ", "+1 hour"],
  "plus-day": ["+1 天", "+1 ngày", "+1 day"],
  "machine-time": ["回到本机时间", "Theo giờ máy này", "This machine's time"],
  faults: ["故障", "Sự cố", "What goes wrong"],
  "faults-about": ["点一下开始，再点一下结束。", "Chạm để bắt đầu, chạm lần nữa để kết thúc.", "Tap to begin, tap again to end."],
  "goes-wrong-now": ["正在发生", "Đang xảy ra", "Going wrong now"],
  "struck-of": ["{} / {} 次", "{} / {} lần", "{} of {}"],
  "all-is-well": ["一切正常", "Mọi thứ đều ổn", "All is well"],
  "own-rule": ["自定义规则", "Quy tắc riêng", "A rule of your own"],
  begin: ["开始", "Bắt đầu", "Begin"],
  end: ["结束", "Kết thúc", "End"],
  "end-all": ["全部结束", "Kết thúc tất cả", "End all"],
  journal: ["请求记录", "Nhật ký", "What arrives"],
  "path-pattern": ["路径（如 /city/**）", "Đường dẫn (vd. /city/**)", "Path (such as /city/**)"],
  status: ["状态码", "Mã trạng thái", "Status"],
  persona: ["测试人物", "Nhân vật thử", "Persona"],
  clear: ["清空", "Xóa", "Clear"],
  "export-har": ["导出 HAR", "Xuất HAR", "Export HAR"],
  "nothing-yet": ["还没有请求。打开一部手机看看。", "Chưa có gì. Hãy mở một điện thoại.", "Nothing yet. Open a phone."],
  request: ["请求", "Yêu cầu", "Request"],
  response: ["响应", "Phản hồi", "Response"],
  "reset-word": ["断开", "ngắt", "reset"],
  bytes: ["（{} 字节）", "({} byte)", "({} bytes)"],
  residents: ["测试人物", "Nhân vật thử", "Personas"],
  "residents-about": ["都不是真人；登录时任选其一。", "Không ai là người thật; chọn một khi đăng nhập.", "None of them exists; choose one at login."],
  person: ["个人", "cá nhân", "person"],
  enterprise: ["企业", "doanh nghiệp", "enterprise"],
  "sessions-count": ["{} 个会话", "{} phiên", "{} sessions"],
  "expire-tokens": ["让令牌过期", "Cho token hết hạn", "Expire tokens"],
  "end-sessions": ["结束会话", "Kết thúc phiên", "End sessions"],
  "rotate-key": ["更换签名密钥", "Đổi khóa ký", "Rotate the signing key"],
  "look-again": ["刷新", "Làm mới", "Refresh"],
  passes: ["通行证", "Thẻ", "Passes"],
  "no-passes": ["还没有签发通行证。", "Chưa cấp thẻ nào.", "No pass has been issued yet."],
  "pass-valid": ["有效", "còn hiệu lực", "valid"],
  "pass-suspended": ["已暂停", "tạm dừng", "suspended"],
  "pass-revoked": ["已吊销", "đã thu hồi", "revoked"],
  "make-valid": ["恢复", "Khôi phục", "Reinstate"],
  "make-suspended": ["暂停", "Tạm dừng", "Suspend"],
  "make-revoked": ["吊销", "Thu hồi", "Revoke"],
  places: ["地区与服务", "Khu vực và dịch vụ", "Places and services"],
  "places-about": ["展开一个地区，看那里有什么服务。", "Mở một khu vực để xem dịch vụ ở đó.", "Open a place to see which services it has."],
  "places-below": ["{} 个下级", "{} cấp dưới", "{} below"],
  "where-to-look": ["常用地址", "Địa chỉ thường dùng", "Where to look"],
  "link-controls": ["控制接口的说明（OpenAPI 3.1）", "mô tả API điều khiển (OpenAPI 3.1)", "the controls, described (OpenAPI 3.1)"],
  "link-world": ["手机需要知道的一切", "mọi điều điện thoại cần biết", "all that a phone needs to know"],
  "link-registry": ["山东的服务登记库", "sổ đăng ký của Sơn Đông", "the registry of Shandong"],
  "link-provider": ["身份提供方", "nhà cung cấp định danh", "an identity provider"],
  "link-city": ["济南的后端", "máy chủ của Tế Nam", "the back end of Jinan"],
};

/** What a tester asks for by name. */
const presets = {
  "flaky-metro": ["地铁里的网络", "Mạng trên tàu điện", "Flaky metro"],
  tunnel: ["隧道：连接全断", "Đường hầm: mất kết nối", "Tunnel: connections reset"],
  silence: ["一直没有响应", "Không bao giờ phản hồi", "Silence: no answer ever"],
  "idp-down": ["身份提供方停机", "Nhà cung cấp định danh ngừng", "Identity providers down"],
  "city-down": ["城市后端停机", "Máy chủ thành phố ngừng", "Cities down"],
  "issuer-down": ["签发机关停机", "Nơi cấp thẻ ngừng", "Issuers down"],
  "registry-down": ["服务登记库停机", "Sổ đăng ký ngừng", "Registries down"],
  "rollback-attack": ["登记库回退攻击", "Tấn công lùi phiên bản", "Rollback attack"],
  "freeze-attack": ["登记库冻结攻击", "Tấn công đóng băng", "Freeze attack"],
  "mix-and-match-attack": ["登记库混搭攻击", "Tấn công trộn lẫn", "Mix-and-match attack"],
  "expired-registry": ["登记库已过期", "Sổ đăng ký hết hạn", "Expired registry"],
  "forged-registry": ["登记库签名伪造", "Chữ ký sổ giả mạo", "Forged registry"],
  "wrong-nonce": ["登录 nonce 不符", "Sai nonce đăng nhập", "Wrong nonce"],
  "wrong-issuer": ["认证方冒名", "Mạo danh nhà cung cấp", "Wrong issuer"],
  "forged-id-token": ["ID 令牌伪造", "ID token giả mạo", "Forged ID token"],
  "unlisted-key": ["密钥未公布", "Khóa chưa công bố", "Unlisted key"],
  "dpop-nonce": ["要求 DPoP nonce", "Đòi DPoP nonce", "DPoP nonce wanted"],
  "lose-reply": ["提交的响应丢失一次", "Mất phản hồi gửi đơn một lần", "A submission's answer lost once"],
  "lose-refresh": ["续期的响应丢失一次", "Mất phản hồi gia hạn một lần", "A renewal's answer lost once"],
  "expired-tokens": ["令牌全部过期", "Mọi token đều hết hạn", "All tokens expired"],
  "revoked-sessions": ["登录全部失效", "Mọi phiên đều kết thúc", "All sessions ended"],
  "revoked-passes": ["通行证全部吊销", "Mọi thẻ đều bị thu hồi", "All passes revoked"],
  "server-clock-ahead": ["服务器快一小时", "Máy chủ nhanh một giờ", "Servers an hour ahead"],
  "malformed-answers": ["响应残缺", "Phản hồi hỏng", "Malformed answers"],
  "captive-portal": ["酒店登录页", "Cổng đăng nhập khách sạn", "Captive portal"],
};

/** Why a gate stays shut, by the word that it gives. */
const reasons = {
  unknown_issuer: ["签发机关不在信任名单上", "Nơi cấp không có trong danh sách tin cậy", "The issuer is not on the trust list"],
  issuer_signature: ["签发机关的签名不对", "Chữ ký nơi cấp không đúng", "The issuer's signature does not hold"],
  issuer_not_allowed: ["签发机关无权签发这种证", "Nơi cấp không có quyền cấp loại này", "The issuer may not issue this"],
  holder_key: ["证上的手机密钥无效", "Khóa điện thoại trên thẻ không hợp lệ", "The pass has no valid phone key"],
  not_yet_valid: ["这张证还未生效", "Thẻ chưa có hiệu lực", "The pass is not valid yet"],
  expired: ["这张证已过期，请在应用里更新", "Thẻ đã hết hạn: hãy gia hạn trong ứng dụng", "The pass has expired: renew it in the app"],
  wrong_type: ["这种证不能开这道门", "Loại thẻ này không mở cổng này", "This type of pass does not open this gate"],
  wrong_scope: ["这张证在这里不适用", "Thẻ không dùng được ở đây", "The pass is not valid here"],
  revoked: ["这张证已吊销，请到签发机关咨询", "Thẻ đã bị thu hồi: hãy hỏi nơi cấp", "The pass has been revoked: ask its issuer"],
  suspended: ["这张证已暂停，请到签发机关咨询", "Thẻ đang tạm dừng: hãy hỏi nơi cấp", "The pass is suspended: ask its issuer"],
  status_unknown: ["闸机无法确认这张证是否有效，请找工作人员", "Cổng không rõ thẻ còn hiệu lực không: hãy hỏi nhân viên", "The gate can't tell whether the pass is still valid: ask the staff"],
  status_stale: ["闸机的状态清单已过时，请找工作人员", "Danh sách trạng thái đã cũ: hãy hỏi nhân viên", "The gate's list is out of date: ask the staff"],
  holder_signature: ["这个码不是持证手机签的", "Mã không do điện thoại giữ thẻ ký", "The code was not signed by the phone that holds the pass"],
  wrong_audience: ["这个码是给别的闸机的", "Mã dành cho cổng khác", "The code is meant for another gate"],
  challenge_needed: ["请先扫描闸机上的码，再出示新码", "Quét mã trên cổng rồi đưa mã mới", "Scan what the gate shows, then show the new code"],
  wrong_purpose: ["这个码是为别的用途生成的", "Mã được tạo cho mục đích khác", "The code was made for another purpose"],
  stale: ["码已过时，请出示新码", "Mã đã cũ: hãy đưa mã mới", "The code is too old: show a fresh one"],
  from_the_future: ["码的时间在将来：手机时钟不对", "Mã ở tương lai: đồng hồ điện thoại sai", "The code is from the future: the phone's clock is wrong"],
  replayed: ["这个码已用过，请出示新码", "Mã đã dùng: hãy đưa mã mới", "The code has been used: show a fresh one"],
  too_soon: ["刚刚用过，请稍候", "Vừa dùng ở đây: hãy đợi một chút", "Just used here: wait a moment"],
  before_memory: ["闸机不记得那么久，请出示下一个码", "Cổng không nhớ lâu vậy: hãy đưa mã tiếp theo", "The gate does not remember that far back: show the next code"],
};

const tags = Object.keys(languages);
const known = (tag) => tags.find((own) => tag?.toLowerCase().startsWith(own));
let current = known(new URLSearchParams(location.search).get("lang")) ?? known(localStorage.getItem("language")) ?? navigator.languages.map(known).find(Boolean) ?? "en";

export const language = () => current;

/** Speaks another language from now on. */
export function say(tag) {
  current = tag;
  localStorage.setItem("language", tag);
}

const pick = (own) => own[tags.indexOf(current)];

/** A text by its name, with numbers and names in their places. */
export function t(name, ...values) {
  const text = words[name] ? pick(words[name]) : name;
  const shown = (value) => (typeof value === "number" ? new Intl.NumberFormat(current).format(value) : value);
  return values.reduce((text, value) => text.replace("{}", () => shown(value)), text);
}

/** A preset's name for people; what the server says of it if it is not known here. */
export const presetWords = (name, about) => (presets[name] ? pick(presets[name]) : about);

/** Why a gate stays shut; what is no code at all has many names. */
export const reasonWords = (name) => pick(reasons[name] ?? ["这不是 OneCity 的码", "Đây không phải mã OneCity", "This is not a OneCity code"]);
