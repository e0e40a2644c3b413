"use strict";

// Every word of the page is in i18n/; start() fills it in and shows the page.
city.start();
