/** As printed. One that ends with … is the beginning: what follows lists options. */
export const MESSAGES: Readonly<Record<string, string>> = {
  'a placeholder that nothing has':
    "@Locked('order:<orderID>') on OrdersController.pay: <orderID> is not bound by any parameter; known here: orderId. Did you mean <orderId>?",
  'a template that cannot be read':
    "@Locked('order:<orderId') on OrdersController.pay: the < at character 7 is not closed; write << for a literal <",
  'a forbidden path':
    '@Locked(\'order:<params.__proto__.x>\') on OrdersController.pay: <params.__proto__.x> reads "__proto__", which belongs to the class and not to the value',
  'an option that nobody knows':
    '@Locked on OrdersController.pay: option "ttl" is not known or not built yet; known: …',
  'a status that is none':
    '@Locked on OrdersController.pay: busyStatus must be an HTTP status from 400 to 599, got 200',
  'a service that nobody registered':
    'Nest can\'t resolve dependencies of the OrdersController. Please make sure that the "Symbol(@Locked needs DistributedLockModule.forRoot() for the lock service "jobs")" property …',
  'a pipe of which nobody knows what it makes of the value':
    "@Locked('order:<orderId>') on OrdersController.pay: <orderId> passes through CleanPipe, which may change the value after the lock's name is made, so that two spellings of one resource could get two locks. Fix: a formatter (<orderId:int>, :lower, :upper), a key function, or phase: 'handler', which locks after the pipes",
  'a method that cannot wait':
    '@Locked on Orders.pay: the method is declared to return String at once, but it has to wait for its lock; declare `async pay(…): Promise<String>`',
  '@CurrentLease() without @Locked':
    'Orders.pay has @CurrentLease() but no @Locked, so there is no lock; add @Locked, or remove it',
  'a decorator above that took the method away':
    '@Locked on Orders.pay would lock nothing: a decorator above it put something that does not call it in its place; write @Locked above that one',
  'a class of which nothing can be locked':
    '@Locked on the class Empty would lock nothing: it has no handler and no method of its own (static methods, accessors and lifecycle hooks are not covered); put @Locked on methods',
  "onBusy: 'skip' where somebody waits for an answer":
    "@Locked on OrdersController.pay: onBusy: 'skip' would answer an HTTP request with nothing, as if it had been done; use onBusy: 'reject', or fallback to say what the answer is",
  'a root with layers and without':
    "@Locked('order:<id>') on Orders.close has no layers, and @Locked('order:<id>/item:<item>') on Orders.add has: under one root (\"order:<>\") the first would not see the locks of the second; give all of them layers: true, or set it for the module",
  'a second default service':
    'DistributedLockModule registers the lock service "default" twice, so half of the application would lock against the other half; import forRoot() once, in the root module, or give the second one a name: forRoot({ name })',
  'an option of the module that nobody knows':
    'DistributedLockModule.forRoot (default): option "url" is not known here; known: …',
  'two stores': 'DistributedLockModule.forRoot (default): both "redis" and "store" are given; leave one out',
  'a lease that is too short':
    'new LockManager(options): leaseMs must be an integer from 100 to 2592000000 ms, got 5',
  'a name for a service that is none':
    'DistributedLockModule.forRoot: name must be a non-empty string, got ""',
  'the memory store':
    'memoryStore() excludes callers of this process only; several processes need a store they share, such as redisStore({ url })',
  'a global interceptor outside of the locks':
    'the global interceptor Transactions runs outside of the locks of @Locked, so what it does after the handler (a commit, for example) is not under the lock; import DistributedLockModule before the module that provides it',
  'the lock service itself in a module with a prefix':
    "Orders injects LockService in a module of DistributedLockModule.forFeature({ prefix: 'shop' }): names given to it are whole names, so \"order:7\" there is not @Locked('order:<id>') here; inject FeatureLocks",
  'a global filter that catches everything before ours':
    "the global filter CatchAll catches every error before the one of DistributedLockModule: it gets errors of @Locked as HttpExceptions (getStatus() is 423, 429, 503, …; Retry-After is set), and errors of locks in guards as they are. If it answers 500 to those, clients give up where they should try again: let it extend BaseExceptionFilter, or register it with APP_FILTER in the root module's own providers, so that ours comes first",
};

/** Is this what the table says? */
export function isAsPrinted(cause: string, message: string): boolean {
  const expected = MESSAGES[cause] ?? '';
  return expected.endsWith('…') ? message.startsWith(expected.slice(0, -1)) : message === expected;
}
