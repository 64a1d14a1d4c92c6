export default { name: "importance", title: "Importance", ask: () => Promise.resolve({}), create: () => ({ element: document.createElement("section"), update() {} }) };
