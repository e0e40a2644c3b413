globalThis.tried = new Promise((done) => setTimeout(done, 2000));
location.href = "https://leave-by-script.page.example/";
