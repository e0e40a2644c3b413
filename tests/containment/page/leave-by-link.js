globalThis.tried = new Promise((done) => setTimeout(done, 2000));
document.querySelector("a").click();
