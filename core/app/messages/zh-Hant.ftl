## The app
app-name = 一城
tab-home = 首頁
tab-passes = 卡碼
tab-me = 我的
back = 返回
cancel = 取消
close = 關閉
done = 完成
copy = 複製
copied = 已複製
not-now = 以後再說
try-again = 重試
settings = 設置
version = 版本
licence = 許可證
list-separator = 、
too-many-open = 打開的頁面太多了，請先返回幾頁。

## Times and sizes
time-now = 剛剛
time-minutes = { $count } 分鐘前
time-hours = { $count } 小時前
time-date = { $year }年{ $month }月{ $day }日
size-kb = { $count } KB
size-mb = { $count } MB

## The first start
welcome-title = 一城在手
welcome-detail = 一次登錄，走到哪裏都能辦事、乘車、出示證件。
welcome-no-login = 不登錄也可以查看和使用大部分服務。
welcome-go-on = 同意並繼續
privacy-title = 您的數據
privacy-what = 保存什麼
privacy-what-text = 您選擇的城市、登錄信息、卡碼、填寫的表單和提交的內容。
privacy-where = 存在哪裏
privacy-where-text = 只在這部手機裏，並加密保存。
privacy-who = 誰能看到
privacy-who-text = 每項服務只能看到您同意給它的內容。同意之前會先問您。
privacy-rights = 您可以
privacy-rights-text = 隨時查看、收回您的同意，或退出登錄並刪除這些數據。
language = 語言
language-what = 城市發佈的服務名稱使用它們已有的語言。
elder-mode = 長輩版
elder-mode-what = 字大、按鈕大、只留常用的幾項。
elder-mode-on = 已切換到長輩版
elder-mode-off = 已切換回標準版

## Choosing a place
places-home = 您住在哪裏？
places-switch = 切換城市
places-nation = 國家
places-find = 查找城市或區縣
places-find-hint = 漢字、拼音或首字母
places-found = 找到的地方
places-none = 沒有找到。可以先打開省份，再查找其中的城市。
places-none-in = { $place }裏沒有找到。請檢查名稱，或返回上一級。
places-list = 省份和直轄市
places-up = 返回上一級
places-whole = { $place }（全部）
places-locate = 用手機的位置查找
places-near = 您附近
places-cannot-locate = 無法得知手機的位置。請在上面輸入城市名稱。

## Home
home-change-place = 切換城市
home-find = 搜索服務和地方
home-first-sync = 正在獲取這裏的服務…
home-offline = 沒有網絡。已保存的內容仍可使用。
home-offline-since = 沒有網絡。內容更新於{ $since }，仍可使用。
home-stale = 內容更新於{ $since }。
home-waiting = 有 { $count } 項已保存，有網絡後自動發送。
home-passes = 卡碼
home-favourites = 收藏
home-recent = 最近使用
home-away = 您在外地
home-back = 回到{ $place }
home-missing = { $home }有的 { $count } 項服務這裏沒有，看看有什麼相近的
home-empty = 這裏還沒有發佈服務。可以看看附近的城市。
home-elder = 常用
home-call = 撥打 { $number }
home-all = 全部服務
group-transport = 出行
group-government = 辦事
group-living = 生活
group-health = 健康
group-education = 教育
group-culture = 文旅
group-work = 就業與企業
group-other = 其他

## Search
search = 搜索
search-hint = 想辦什麼事？
search-all = 這裏的服務
search-services = 服務
search-places = 地方
search-settings = 應用設置
search-none = 沒有找到。換個說法試試，或切換到其他城市。
search-words-elder = 長輩版, 老年, 大字, 關懷, 適老, zhangbei, laonian, dazi, elder, large
search-words-language = 語言, 繁體, yuyan, language, tiếng, 英文
search-words-me = 賬戶, 退出, 登錄, 隱私, zhanghu, account, privacy

## An open service
service-opening = 正在打開…
service-show-code = 出示卡碼
service-menu = 更多
service-gone = 這項服務已關閉。填寫的內容已保存。
service-open-again = 重新打開
service-open-there = 到提供它的城市打開
service-publisher = 發佈單位
service-verified = 已驗證的單位
service-share = 分享
service-clear = 清除它保存的數據
service-clear-what = 這項服務在手機裏保存的內容、草稿和您的同意都會刪除。等待發送的內容不會刪除。
service-cleared = 已清除
favourite-add = 加入收藏
favourite-remove = 取消收藏
favourites-full = 收藏已滿，請先移除一些。

## Another city
travel-title = 去{ $place }
travel-plan = 帶上這裏的 { $count } 項服務，沒有網絡也能打開。
travel-fetch = 下載（{ $size }）
travel-fetching = 正在下載…
travel-done = { $place }的服務已在手機裏。
travel-have = 這裏的服務都已在手機裏，沒有網絡也能打開。
travel-missing = { $home }有、{ $place }沒有的
travel-none-missing = { $home }有的服務這裏都有。
travel-nearest = 相近的：{ $service }
travel-nothing-near = 沒有相近的服務

## Passes and codes
passes-empty = 領取的卡會顯示在這裏。
passes-log-in = 登錄後可以領取乘車碼等卡。
passes-add = 領取新卡
passes-search = 乘車
passes-for-gate = 選擇要給這個閘機看的卡。
pass-renewal-due = 快到期了，請在有網絡時打開應用更新。
pass-expired = 已過期。請連接網絡以更新。
pass-needs-renewal = 需要重新領取。請連接網絡並登錄。
pass-suspended = 已停用，請諮詢{ $issuer }。
pass-revoked = 已註銷，請諮詢{ $issuer }。
pass-valid-in = 適用範圍
pass-fare = 票價
pass-expires = 有效期至
pass-last-used = 上次出示
pass-manage = 管理
pass-delete = 刪除這張卡
pass-delete-what = 刪除後這部手機不能再出示它，簽發機關也會註銷它。以後可以重新領取。
pass-deleted = 已刪除
code-label = { $holder } 的二維碼
code-how = 請將二維碼對準閘機
code-clock = 手機時間可能不準，閘機可能不認。請連接一次網絡。

## Documents
document-genuine = 真實有效
document-expired = 真實，但已過期
document-unverified = 現在無法覈實

## Logging in
log-in = 登錄
log-out = 退出登錄
login-once = 一次登錄，所有城市通用
login-where = 選擇登錄方式
login-what = 將在瀏覽器中打開認證機構的頁面。應用看不到您的密碼。
login-with-number = 先填寫證件號碼
login-number = 身份證號或統一社會信用代碼
login-number-hint = 可以不填
login-number-what = 只發給您選擇的認證機構。
login-number-wrong = 號碼不正確，請對照證件檢查。
login-beginning = 正在聯繫認證機構…
login-in-browser = 請在瀏覽器中完成登錄
login-finishing = 正在覈對…
login-cancelled = 登錄已取消。可以重新選擇。
login-clock = 在手機設置中打開“自動設置時間”，然後重試。
login-done = 已登錄：{ $name }
login-lapsed = 登錄已過期，請在“我的”中重新登錄。卡碼仍可使用。
login-step-up = 這項操作需要更高級別的身份驗證。
logged-out = 已退出登錄
log-out-what = 這個賬戶的卡碼、草稿和記錄會從這部手機刪除。
log-out-waiting = 還有提交的內容沒有發出，現在退出就會丟失。
ask-login = “{ $service }”需要您登錄後繼續。
ask-step-up = “{ $service }”需要更高級別的身份驗證。

## Me
accounts = 賬戶
account-add = 添加賬戶
account-person = 個人
account-enterprise = 企業
account-lapsed = 需要重新登錄
settings-home = 家所在的城市
scheme = 外觀
scheme-platform = 跟隨系統
scheme-light = 淺色
scheme-dark = 深色
about = 關於
about-what = 一個應用，每座城市。服務由各城市簽名發佈，手機會逐一覈實。

## Consents
consents = 我的授權
consents-empty = 您同意給各項服務的內容會顯示在這裏。
consent-title = “{ $service }”請求您的同意
consent-reason = 用途說明：{ $reason }
consent-fields = 會看到
consent-people = 涉及的人
consent-origins = 發送到
consent-since = 時間
consent-agree = 同意
consent-refuse = 不同意
consent-revoke-later = 可以隨時在“我的授權”中收回。
consent-given = 已同意
consent-refused = 已拒絕
consent-revoke = 收回同意
consent-revoke-what = 收回後，這項服務再次需要時會重新問您。
consent-ask-again = 允許它再問
consent-ask-again-what = 您拒絕過，這項服務不會再問。
consent-revoked = 已收回
permission-login = 知道您是誰
permission-passes = 領取和查看您的卡
permission-documents = 使用您已有的證件
permission-scan = 用相機掃碼
permission-locate = 知道手機的位置
permission-photos = 使用您拍攝或選擇的照片
permission-disclose = 出示這些內容
permission-other = 使用“{ $name }”
field-name = 姓名
field-phone = 手機號碼
field-identity = 身份證號
field-address = 地址
field-birthdate = 出生日期
field-email = 電子郵箱
field-pseudonym = 只用於這項服務的代號
field-place = 位置

## Links, scanning, leaving the app
scan = 掃一掃
scan-denied = 沒有相機權限。可以在手機設置中打開。
scanned-title = 掃描結果
scanned-what = 這不是一城的二維碼，應用不會自動打開它。
link-looking = 正在查看…
link-title = 打開這項服務？
link-service = 服務
link-open = 打開
leave-title = 離開應用？
leave-what = 將在瀏覽器中打開這個網址。
leave-go = 打開瀏覽器
leave-call-title = 撥打電話？
leave-call = 通話由您按下撥號鍵後開始。
leave-call-go = 撥號
hand-over-title = 交給另一部手機
hand-over-how = 請用另一部手機的一城掃描。
draft-accepted = 已收到 { $by } 填好的表單，請檢查後提交。
payment-done = 已付款給{ $payee }

## Errors: what happened, what is safe, what to do
error-network = 連不上網絡。內容已保存，請檢查網絡後重試。
error-answer = 對方的系統暫時有問題，您的手機沒有問題。請稍後再試。
error-login = 請先登錄。
error-step-up = 這項操作需要更高級別的身份驗證。
error-not-genuine = 收到的內容無法覈實，已停止以保護您。請換一個網絡再試。
error-older = 收到的內容比手機裏的舊，已停止以保護您。請換一個網絡再試。
error-expired = 發佈方沒有按時更新。已安裝的服務仍可使用，請稍後再試。
error-key = 手機的密鑰已失效。請重新登錄。
error-not-now = 手機暫時無法完成。請解鎖手機後重試。
error-cancelled = 已取消。
error-own = 應用出了問題，內容沒有丟失。請重試，或重新打開應用。

## What stands in the way of everything
blocked-title = 暫時無法打開
blocked-key-title = 手機的密鑰變了
blocked-key = 保護私密數據的密鑰已改變，比如重設了鎖屏。數據仍在手機裏。
blocked-damaged-title = 私密數據無法讀取
blocked-damaged = 文件已損壞，但仍保留着。可以找回還能讀取的部分。
blocked-in-use-title = 應用已在另一處打開
blocked-in-use = 請先關閉另一處，然後重試。
blocked-full-title = 手機存儲已滿
blocked-full = 內容沒有丟失。請清理一些空間後重試。
blocked-too-new-title = 請更新應用
blocked-too-new = 數據由更新的版本保存。請在應用商店更新後再打開。
blocked-locked-title = 請先解鎖手機
blocked-locked = 手機的密鑰暫時無法使用。解鎖後重試。
blocked-restore = 使用較早的備份
blocked-recover = 找回能讀取的部分
blocked-begin-again = 從頭開始
blocked-sure = 登錄、卡碼、草稿和等待發送的內容都不再可用。舊文件會保留在手機裏。
blocked-go-on-without = 確定從頭開始
